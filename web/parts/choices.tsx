/** Which of several: somebody has to say it, unless one is chosen beforehand. */
import { Said } from './said';

interface Props {
  readonly of: readonly string[];
  readonly legend: string;
  readonly chosen: string | undefined;
  readonly onChoice: (choice: string) => void;
}

export function Choices({ of, legend, chosen, onChoice }: Props) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      {of.map((one) => (
        <label key={one} class="choice">
          <input type="radio" name="choice" required checked={chosen === one} onChange={() => onChoice(one)} />
          <Said text={one} most={200} />
        </label>
      ))}
    </fieldset>
  );
}
