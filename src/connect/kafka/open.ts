import type { KafkaClient } from './client.js'
import type { KafkaSettings } from './settings.js'

/** The client libraries that stand behind `KafkaClient`. */
export type ClientName = 'kafkajs'

/** Opens a client; its library is loaded only now. */
export async function openKafka(
  settings: KafkaSettings,
  _name: ClientName = 'kafkajs',
): Promise<KafkaClient> {
  const { KafkaJsClient } = await import('./kafkajs/client.js')
  return new KafkaJsClient(settings)
}
