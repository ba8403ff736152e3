export const COMPRESSIONS = ['zstd', 'lz4', 'snappy', 'gzip', 'none'] as const
export type Compression = (typeof COMPRESSIONS)[number]

export interface TlsSettings {
  /** PEM of certificates that vouch for the brokers'; default: those Node trusts. */
  readonly ca?: string
  /** PEM of the client's own certificate and key, where brokers ask for one. */
  readonly cert?: string
  readonly key?: string
}

export type SaslSettings =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  /** `token` is asked again whenever a connection is made, so it may be renewed. */
  | { readonly mechanism: 'oauthbearer'; readonly token: () => Promise<string> }

/** How to reach a cluster. */
export interface KafkaSettings {
  /** The library that speaks with it. Default: kafkajs. */
  readonly client?: 'kafkajs' | 'confluent'
  /** `host:port`, one or more. */
  readonly brokers: readonly string[]
  readonly tls?: TlsSettings
  readonly sasl?: SaslSettings
  /** Of what is produced. Default: zstd. */
  readonly compression?: Compression
  /** Shows in the brokers' logs. Default: stanflow. */
  readonly clientId?: string
  /** What the client library says, for whoever debugs it. */
  readonly log?: (level: 'error' | 'warn' | 'debug', message: string, facts: object) => void
}
