export type { Op, RawAnswer, SdkAnswer, SdkError } from './answer/sdk-answer.ts';
