/** What the sample application tells the process that started it. */
export type SampleMessage =
  | { kind: 'listening'; url: string }
  /** A line for people: what a function of the sample is doing. */
  | { kind: 'says'; text: string; runId: string };
