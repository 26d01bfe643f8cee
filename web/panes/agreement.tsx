/** How the votes of a round stand to each other: the weight of each choice, and who agrees with whom. */
import { percent } from '../../cli/words';
import { Section } from '../parts/facts';
import { Said } from '../parts/said';
import { texts } from '../texts';
import type { Round } from './round';

type Tally = NonNullable<Round['tally']>;

const { rounds: words } = texts;

/** Voters that the matrix has room for. */
const MOST = 60;
const CELL = 12;
const WIDTH = 200;
const HEIGHT = 10;

interface SharesProps {
  readonly tally: Tally;
  /** What an agreement needs, of the weight cast; undefined where it is more than half. */
  readonly needed: number | undefined;
  readonly title: string;
}

/** Each choice with its share of the weight that was cast, against what is needed. */
export function Shares({ tally: { choices, vetoes }, needed = 0.5, title }: SharesProps) {
  return (
    <Section title={title} aside={words.threshold}>
      <ul class="shares">
        {choices.map(({ choice, share }) => (
          <li key={choice}>
            <span>
              <Said text={choice} most={200} />
            </span>
            <svg
              class="share"
              viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
              preserveAspectRatio="none"
              role="img"
              aria-label={words.share(choice, percent(share))}
            >
              <rect class="share-all" width={WIDTH} height={HEIGHT} />
              <rect class="share-part" width={WIDTH * share} height={HEIGHT} data-enough={share >= needed} />
              <line x1={WIDTH * needed} x2={WIDTH * needed} y2={HEIGHT} />
            </svg>
            <span class="when">{percent(share)}</span>
          </li>
        ))}
      </ul>
      {vetoes.length > 0 && (
        <p>
          <Said text={words.veto(vetoes.join(', '))} />
        </p>
      )}
    </Section>
  );
}

/** Of each two voters whether they chose the same; those who did stand together. */
export function Matrix({ ballots }: { readonly ballots: Round['ballots'] }) {
  if (ballots.length < 2) return null;
  const sizes = new Map<string, number>();
  for (const { choice } of ballots) sizes.set(choice, (sizes.get(choice) ?? 0) + 1);
  const order = [...sizes].sort(([, a], [, b]) => b - a).map(([choice]) => choice);
  const voters = [...ballots]
    .sort((a, b) => order.indexOf(a.choice) - order.indexOf(b.choice) || (a.voter < b.voter ? -1 : 1))
    .slice(0, MOST);
  const side = voters.length * CELL;
  const groups = order.map((choice) => `${choice} ${sizes.get(choice)}`).join(', ');
  return (
    <Section title={words.matrix} aside={words.matrixHint}>
      <svg
        class="matrix"
        viewBox={`0 0 ${side} ${side}`}
        width={side * 1.5}
        role="img"
        aria-label={words.matrixLabel(ballots.length, groups)}
      >
        {voters.map((one, row) =>
          voters.map((other, column) => {
            const [x, y] = [column * CELL, row * CELL];
            return one.choice === other.choice ? (
              <rect key={column} x={x + 1} y={y + 1} width={CELL - 2} height={CELL - 2} data-own={row === column} />
            ) : (
              <circle key={column} cx={x + CELL / 2} cy={y + CELL / 2} r={1.2} />
            );
          }),
        )}
      </svg>
      {ballots.length > MOST && <p class="soft">{words.matrixCut(MOST)}</p>}
    </Section>
  );
}
