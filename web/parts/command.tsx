/** The command that does the same in a terminal. */
import { useState } from 'preact/hooks';
import { texts } from '../texts';

/** An id as a word of a command; what could mean more to a shell is left to be typed. */
export function word(id: string): string {
  return /^[\w.~:-]+$/.test(id) ? id : 'ID';
}

export function Command({ line }: { readonly line: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(line).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    });
  };
  return (
    <span class="command">
      <code>{line}</code>
      <button type="button" class="plain" onClick={copy} aria-label={`${texts.copy}: ${line}`}>
        {copied ? texts.copied : texts.copy}
      </button>
    </span>
  );
}

/** Stands at the end of a pane. */
export function SameCommand({ lines }: { readonly lines: readonly string[] }) {
  return (
    <footer class="same">
      <span class="soft">{texts.sameCommand}</span>
      {lines.map((line) => (
        <Command key={line} line={line} />
      ))}
    </footer>
  );
}
