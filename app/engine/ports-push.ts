/**
 * Telling somebody who is connected to a service of its own that there may be something for them. What is sent is a
 * hint and no news: it says nothing but that it is time to look, may be lost, and may come when there is nothing.
 */

/** A way to hear of what is told under a topic, and to do nothing else. */
export interface PushConnection {
  /** Whoever has it can connect until it expires, and hear from then on as long as the connection lasts. */
  readonly url: string;
  /** The subprotocol of WebSocket that is spoken there. */
  readonly protocol: string;
}

export interface Push {
  /** Never rejects: undefined when the service gives no connection now. */
  connect(topic: string): Promise<PushConnection | undefined>;
  /**
   * Tells those who are connected to the topic, soon and at most once each; what is told again before it was sent is
   * told once. Never throws and never waits: what can't be sent is lost.
   */
  tell(topic: string): void;
  /**
   * Ends connections that are more than one topic may have, or all topics of one tenant (the first part of their
   * names): they take from a number that all tenants share. Which of them is not said. Never rejects.
   */
  trim(): Promise<void>;
}
