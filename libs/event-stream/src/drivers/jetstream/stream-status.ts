/**
 * What an operator may want to know while the stream goes on by itself. `recreated`: messages or acknowledgements are lost
 * on the server's side. `unreadable`: a message could not be given to anybody yet.
 */
export interface EventStreamStatus {
  kind: 'disconnected' | 'reconnected' | 'unavailable' | 'recreated' | 'unreadable';
  message: string;
}

export type TellStatus = (status: EventStreamStatus) => void;
