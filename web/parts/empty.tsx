/** Nothing to show, what that means, and how to get something. */
import { Command } from './command';

interface Props {
  readonly title: string;
  readonly text?: string;
  readonly commands?: readonly string[];
}

export function Empty({ title, text, commands = [] }: Props) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {text !== undefined && <p class="soft">{text}</p>}
      {commands.map((line) => (
        <Command key={line} line={line} />
      ))}
    </div>
  );
}
