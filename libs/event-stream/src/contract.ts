export { describeEventStream, type OpenEventStream } from './event-stream.contract.ts';
