import type { KafkaClient } from './client.js'
import type { KafkaSettings } from './settings.js'

export type ClientName = 'kafkajs' | 'confluent'

/** Opens a client; its library is loaded only now. @throws StanflowError KAFKA_CLIENT_MISSING */
export async function openKafka(
  settings: KafkaSettings,
  _name: ClientName = 'kafkajs',
): Promise<KafkaClient> {
  const { KafkaJsClient } = await import('./kafkajs/client.js')
  return new KafkaJsClient(settings)
}
