import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { CLIENT_NAMES, openKafka } from '../../../src/connect/kafka/open.js'
import type { KafkaSettings, SaslSettings } from '../../../src/connect/kafka/settings.js'
import { StanflowError } from '../../../src/errors.js'
import { type BrokerAddresses, USER } from '../../support/broker.js'
import { sharedBroker, topicPrefix } from '../../support/kafka.js'
import { until } from './contract.js'

/** An unsigned JWT for so many seconds, as the broker of the tests takes it. */
function token(seconds = 600): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: USER.username, iat: now, exp: now + seconds })}.`
}

for (const name of CLIENT_NAMES)
  describe(`a broker that asks who is there, and ${name}`, () => {
    let broker: BrokerAddresses
    before(async () => {
      broker = await sharedBroker()
    })

    const topics = async (settings: KafkaSettings): Promise<number> => {
      const client = await openKafka(settings, name)
      try {
        return (await (await client.admin()).describeTopics()).length
      } finally {
        await client.close()
      }
    }
    const refused = (settings: KafkaSettings, code: string): Promise<void> =>
      assert.rejects(topics(settings), (error) => {
        assert.ok(error instanceof StanflowError, String(error))
        assert.equal(error.code, code, error.message)
        assert.doesNotMatch(error.message, new RegExp(USER.password))
        return true
      })

    test('TLS: taken with the CA, refused without', async () => {
      await topics({ brokers: [broker.tls], tls: { ca: broker.ca } })
      await refused({ brokers: [broker.tls], tls: {} }, 'KAFKA_TLS')
      await refused({ brokers: [broker.plain], tls: { ca: broker.ca } }, 'KAFKA_TLS')
    })

    for (const mechanism of ['scram-sha-256', 'scram-sha-512'] as const) {
      test(`${mechanism} over TLS: taken with the password, refused with another`, async () => {
        const tls = { ca: broker.ca }
        await topics({ brokers: [broker.scram], tls, sasl: { mechanism, ...USER } })
        await refused(
          { brokers: [broker.scram], tls, sasl: { mechanism, ...USER, password: 'wrong' } },
          'KAFKA_AUTH',
        )
      })
    }

    test('PLAIN: taken with the password, refused with another or another mechanism', async () => {
      const sasl: SaslSettings = { mechanism: 'plain', ...USER }
      await topics({ brokers: [broker.sasl], sasl })
      await refused({ brokers: [broker.sasl], sasl: { ...sasl, password: 'wrong' } }, 'KAFKA_AUTH')
      await refused({ brokers: [broker.sasl], sasl: { ...sasl, mechanism: 'scram-sha-256' } }, 'KAFKA_AUTH')
    })

    test('OAUTHBEARER: taken with a token, refused with what is none', async () => {
      await topics({
        brokers: [broker.oauth],
        sasl: { mechanism: 'oauthbearer', token: async () => token() },
      })
      const sasl: SaslSettings = { mechanism: 'oauthbearer', token: async () => 'nonsense' }
      await refused({ brokers: [broker.oauth], sasl }, 'KAFKA_AUTH')
    })

    test('OAUTHBEARER: a token is asked for again before it runs out, and connections go on', async () => {
      let asked = 0
      // kafkajs does that ten seconds before, librdkafka once four fifths of its time are over.
      const seconds = name === 'kafkajs' ? 16 : 10
      const client = await openKafka(
        {
          brokers: [broker.oauth],
          sasl: {
            mechanism: 'oauthbearer',
            token: async () => {
              asked++
              return token(seconds)
            },
          },
        },
        name,
      )
      try {
        const admin = await client.admin()
        const producer = await client.producer()
        const topic = `${topicPrefix()}renewed`
        await admin.createTopics([{ topic, partitions: 1, config: {} }])
        const record = { topic, key: null, value: Buffer.from('x'), headers: {} }
        await producer.send([record])
        const before = asked
        await until(async () => {
          await producer.send([record])
          return asked > before
        }, 'asked again')
        await producer.send([record])
      } finally {
        await client.close()
      }
    })
  })
