import { readFile } from 'node:fs/promises'
import type { KafkaSettings, SaslSettings, TlsSettings } from '../connect/kafka/settings.js'
import { StanflowError } from '../errors.js'
import type { Config } from './schema.js'

/** How the configuration says the cluster is reached; reads the files it names. @throws StanflowError CONFIG_INVALID */
export async function kafkaSettings(config: Config): Promise<KafkaSettings> {
  const brokers = config.brokers
    .split(',')
    .map((one) => one.trim().replace(/^kafka:\/\//, ''))
    .filter((one) => one !== '')
  const wrong = brokers.find((one) => !/^[^:/\s]+:\d{1,5}$|^\[[0-9a-f:]+\]:\d{1,5}$/i.test(one))
  if (brokers.length === 0 || wrong !== undefined) {
    throw invalid(`--brokers must be host:port, host:port, not "${wrong ?? config.brokers}".`)
  }
  const tls = await tlsSettings(config)
  const sasl = saslSettings(config)
  return {
    brokers,
    client: config.kafkaClient,
    compression: config.compression,
    ...(tls !== undefined && { tls }),
    ...(sasl !== undefined && { sasl }),
  }
}

async function tlsSettings({ tls, tlsCa, tlsCert, tlsKey }: Config): Promise<TlsSettings | undefined> {
  if (!tls) {
    if (tlsCa === undefined && tlsCert === undefined && tlsKey === undefined) return undefined
    throw invalid('--tls-ca, --tls-cert and --tls-key mean nothing without TLS.', 'Add --tls.')
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw invalid('--tls-cert and --tls-key go together.', 'Give both or none.')
  }
  return {
    ...(tlsCa !== undefined && { ca: await text(tlsCa, '--tls-ca') }),
    ...(tlsCert !== undefined && { cert: await text(tlsCert, '--tls-cert') }),
    ...(tlsKey !== undefined && { key: await text(tlsKey, '--tls-key') }),
  }
}

function saslSettings({ sasl, saslUsername, saslPassword, saslTokenFile }: Config): SaslSettings | undefined {
  if (sasl === 'none') {
    if (saslUsername === undefined && saslTokenFile === undefined) return undefined
    throw invalid('A user or token is given, but not how to use it.', 'Add --sasl scram-sha-256, or another.')
  }
  if (sasl === 'oauthbearer') {
    if (saslTokenFile === undefined)
      throw invalid('--sasl oauthbearer needs a token.', 'Add --sasl-token-file.')
    return { mechanism: sasl, token: async () => (await text(saslTokenFile, '--sasl-token-file')).trim() }
  }
  if (saslUsername === undefined || saslPassword === undefined) {
    throw invalid(
      `--sasl ${sasl} needs a user and a password.`,
      'Give --sasl-username, and STANFLOW_SASL_PASSWORD in the environment.',
    )
  }
  return { mechanism: sasl, username: saslUsername, password: saslPassword }
}

async function text(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw invalid(`${flag}: ${path} cannot be read.`, 'Check the path and its permissions.', cause)
  }
}

function invalid(message: string, hint?: string, cause?: unknown): StanflowError {
  return new StanflowError('CONFIG_INVALID', message, { ...(hint !== undefined && { hint }), cause })
}
