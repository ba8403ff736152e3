import type { KafkaClient } from './client.js'
import type { KafkaSettings } from './settings.js'

/** The client libraries that stand behind `KafkaClient`; the first is part of stanflow, others are installed by hand. */
export const CLIENT_NAMES = ['kafkajs', 'confluent'] as const
export type ClientName = (typeof CLIENT_NAMES)[number]

/**
 * Opens the client that the settings name, or another; its library is loaded only now.
 * @throws StanflowError CLIENT_MISSING
 */
export async function openKafka(
  settings: KafkaSettings,
  name: ClientName = settings.client ?? 'kafkajs',
): Promise<KafkaClient> {
  if (name === 'confluent') {
    const { ConfluentClient } = await import('./confluent/client.js')
    return ConfluentClient.open(settings)
  }
  const { KafkaJsClient } = await import('./kafkajs/client.js')
  return new KafkaJsClient(settings)
}
