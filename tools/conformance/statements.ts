/**
 * The numbered statements of the three specifications: what a durable-execution server must do (E), the protocol of the
 * SDKs (P), the HTTP API and its client tools (H).
 */
const LAST_NUMBERS = { E: 144, P: 104, H: 88 } as const;

export type DocumentLetter = keyof typeof LAST_NUMBERS;

export const DOCUMENT_LETTERS = ['E', 'P', 'H'] as const satisfies readonly DocumentLetter[];

/** A statement by its name, `E39`. */
export type Statement = `${DocumentLetter}${number}`;

/** Every statement of one document, in order. */
export function statementsOf(letter: DocumentLetter): Statement[] {
  return Array.from({ length: LAST_NUMBERS[letter] }, (_, index): Statement => `${letter}${index + 1}`);
}

const CITATION = /\[([^\][]*)\]/g;
const SEPARATOR = /[,;\s]+/;
/** `E39`, or a range: `E1-E6`, `E1-6`, `E1..E6`; a further item of a list may leave its letter out. */
const ITEM = /^(?<letter>[EPH])?(?<first>\d+)(?:(?:-|–|\.\.)(?<lastLetter>[EPH])?(?<last>\d+))?$/;

/**
 * The statements that a test's title cites in brackets: `[E39] ...`, `[E1, E2] ...`, `[E1][P2] ...`, `[E32-E37] ...`.
 * Brackets that hold anything else cite nothing. Numbers that no document has are returned like the others.
 */
export function statementsCitedIn(title: string): Statement[] {
  return [...title.matchAll(CITATION)].flatMap(([, inside = '']) => {
    const cited: Statement[] = [];
    let letter: string | undefined;
    for (const item of inside.trim().split(SEPARATOR)) {
      const groups = ITEM.exec(item)?.groups;
      letter = groups?.['letter'] ?? letter;
      if (groups?.['first'] === undefined || letter === undefined) return [];
      if (groups['lastLetter'] !== undefined && groups['lastLetter'] !== letter) return [];
      const first = Number(groups['first']);
      const last = Number(groups['last'] ?? first);
      // A range longer than every document would only be a slip of the pen.
      for (let number = first; number <= Math.min(last, first + LAST_NUMBERS.E); number++) {
        cited.push(`${letter}${number}` as Statement);
      }
    }
    return cited;
  });
}
