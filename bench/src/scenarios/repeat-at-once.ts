import { nowMs } from '../now.ts';

/** Does `work` `times` times, `atOnce` at a time, each with its number from 0; answers how long that took in ms. */
export async function repeatAtOnce(
  { times, atOnce }: { times: number; atOnce: number },
  work: (number: number) => Promise<void>,
): Promise<number> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  const beganAt = nowMs();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return nowMs() - beganAt;
}
