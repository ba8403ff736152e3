import { StanflowError } from '../../../errors.js'

/**
 * What is used of @confluentinc/kafka-javascript, which is installed by those who want it: its types are not there
 * when this is compiled.
 */
export interface Library {
  readonly librdkafkaVersion: string
  readonly Producer: new (conf: Conf, topicConf: Conf) => LibraryProducer
  readonly KafkaConsumer: new (conf: Conf, topicConf: Conf) => LibraryConsumer
  readonly AdminClient: { create(conf: Conf, events: Events): LibraryAdmin }
}

export type Conf = Readonly<Record<string, unknown>>
export type Callback<T = unknown> = (error: LibraryError | null | undefined, answer: T) => void
type Events = Readonly<Record<string, (fact: never) => void>>

export interface LibraryError extends Error {
  /** librdkafka's number: below 0 its own, else the broker's. */
  readonly code: number
}

export interface LibraryOffset {
  readonly topic: string
  readonly partition: number
  readonly offset?: number
  readonly metadata?: string | null
  readonly error?: LibraryError
}

export interface LibraryClient {
  on(event: string, listener: (fact: never) => void): unknown
  connect(options: { readonly timeout?: number }, done: Callback): unknown
  disconnect(done: () => void): unknown
}

export interface LibraryProducer extends LibraryClient {
  setPollInBackground(on: boolean): void
  produce(
    topic: string,
    partition: number | null,
    value: Buffer | null,
    key: Buffer | null,
    timestamp: number | null,
    opaque: object,
    headers: readonly Readonly<Record<string, string>>[],
  ): unknown
  disconnect(timeout: number | (() => void), done?: () => void): unknown
  initTransactions(timeout: number, done: Callback): unknown
  beginTransaction(done: Callback): unknown
  commitTransaction(timeout: number, done: Callback): unknown
  abortTransaction(timeout: number, done: Callback): unknown
  sendOffsetsToTransaction(
    offsets: readonly LibraryOffset[],
    consumer: LibraryConsumer,
    timeout: number,
    done: Callback,
  ): unknown
}

export interface LibraryMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | string | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers?: readonly Readonly<Record<string, Buffer | string>>[]
}

export interface LibraryConsumer extends LibraryClient {
  subscribe(topics: readonly string[]): unknown
  setDefaultConsumeTimeout(milliseconds: number): void
  consume(most: number, done: Callback<readonly LibraryMessage[]>): void
  assign(at: readonly LibraryOffset[]): unknown
  unassign(): unknown
  pause(at: readonly LibraryOffset[]): unknown
  resume(at: readonly LibraryOffset[]): unknown
  commitCb(offsets: readonly LibraryOffset[], done: Callback): unknown
  getWatermarkOffsets(topic: string, partition: number): { readonly highOffset: number }
}

export interface LibraryAdmin {
  disconnect(): void
  listTopics(options: { readonly timeout: number }, done: Callback<readonly string[]>): void
  describeTopics(
    topics: readonly string[],
    options: { readonly timeout: number },
    done: Callback<readonly LibraryTopic[]>,
  ): void
  createTopic(topic: object, timeout: number, done: Callback): void
  deleteTopic(topic: string, timeout: number, done: Callback): void
  describeGroups(
    groups: readonly string[],
    options: { readonly timeout: number },
    done: Callback<{
      readonly groups: readonly { readonly members: readonly { readonly clientId: string }[] }[]
    }>,
  ): void
  listConsumerGroupOffsets(
    groups: readonly { readonly groupId: string; readonly partitions: null }[],
    options: { readonly timeout: number; readonly requireStableOffsets: boolean },
    done: Callback<
      readonly { readonly error?: LibraryError; readonly partitions: readonly LibraryOffset[] }[]
    >,
  ): void
  listOffsets(
    at: readonly {
      readonly topic: string
      readonly partition: number
      readonly offset: { readonly timestamp: number }
    }[],
    options: { readonly timeout: number },
    done: Callback<readonly LibraryOffset[]>,
  ): void
}

export interface LibraryTopic {
  readonly name: string
  readonly error?: LibraryError
  readonly partitions: readonly {
    readonly partition: number
    readonly leader?: { readonly id: number } | null
    readonly replicas: readonly unknown[]
  }[]
}

const NAME = '@confluentinc/kafka-javascript'

/** @throws StanflowError CLIENT_MISSING where it is not installed or does not load */
export async function loadLibrary(name = NAME): Promise<Library> {
  try {
    const { default: library } = (await import(name)) as { default: Library }
    return library
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
    throw new StanflowError('CLIENT_MISSING', `${name} cannot be loaded: ${reason}.`, { cause })
  }
}

/** One call of the library as a promise. */
export function called<T>(call: (done: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, answer) => {
      if (error) reject(error)
      else resolve(answer)
    })
  })
}
