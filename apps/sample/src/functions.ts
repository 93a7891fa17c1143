import { type Inngest, RetryAfterError } from 'inngest';

/** Where the functions report what they do. */
export type Say = (text: string, runId: string) => void;

/** The event that starts the sample function. */
export const ORDER_PLACED = 'sample/order.placed';

/**
 * One durable function with all that the first look needs: steps whose results are stored once, a sleep that survives
 * a restart, and a step that fails the first time and is repeated.
 */
export function sampleFunctions(client: Inngest, say: Say) {
  const fulfilOrder = client.createFunction(
    { id: 'fulfil-order', name: 'Fulfil order', triggers: [{ event: ORDER_PLACED }] },
    async ({ event, step, runId, attempt }) => {
      const stock = await step.run('reserve-stock', () => {
        say(
          'step reserve-stock: reserved; now sleeping for 2 seconds (kill the server, start it again: the run goes on)',
          runId,
        );
        return { reserved: event.data['items'] as number };
      });

      await step.sleep('wait-for-payment-window', '2s');

      const payment = await step.run('charge-card', () => {
        if (attempt === 0) {
          say('step charge-card: the bank is busy, failing on purpose; the next attempt comes in 2 seconds', runId);
          throw new RetryAfterError('The bank is busy', 2_000);
        }
        say('step charge-card: charged at the second attempt', runId);
        return { charged: true, attempt };
      });

      await step.run('send-receipt', () => say('step send-receipt: sent', runId));
      say('finished', runId);
      return { order: event.data['order'], ...stock, ...payment };
    },
  );
  return [fulfilOrder];
}
