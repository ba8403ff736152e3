import type { KafkaOptions } from '../../pipelines/kafka.js'
import { kafkaSettings } from '../config/kafka.js'
import { CONFIG_KEYS, type Config, type ConfigKey, type Group } from '../config/schema.js'

/** What every command that speaks with Kafka takes. */
export const CLUSTER: readonly ConfigKey[] = [
  ...['brokers', 'prefix', 'registry', 'kafkaClient', 'compression'],
  ...['tls', 'tlsCa', 'tlsCert', 'tlsKey', 'sasl', 'saslUsername', 'saslPassword', 'saslTokenFile'],
] as readonly ConfigKey[]

/** All keys of these groups. */
export function keysOf(...groups: readonly Group[]): readonly ConfigKey[] {
  return CONFIG_KEYS.filter(({ group }) => groups.includes(group)).map(({ key }) => key)
}

/** @throws StanflowError CONFIG_INVALID */
export async function kafkaOptions(config: Config): Promise<KafkaOptions> {
  const { prefix, registry } = config
  return {
    kafka: await kafkaSettings(config),
    prefix,
    ...(registry !== undefined && { registry }),
  }
}
