import type { KafkaSettings, SaslSettings } from '../settings.js'
import type { Conf } from './library.js'

const TOKEN_MS = 300_000

/** librdkafka's own names for how the cluster is reached. */
export function confOf(settings: KafkaSettings, clientId = settings.clientId ?? 'stanflow'): Conf {
  const { brokers, tls, sasl } = settings
  const security = tls === undefined ? 'plaintext' : 'ssl'
  return {
    'bootstrap.servers': brokers.join(','),
    'client.id': clientId,
    'security.protocol': sasl === undefined ? security : `sasl_${security}`,
    'socket.keepalive.enable': true,
    'reconnect.backoff.max.ms': 2000,
    'allow.auto.create.topics': false,
    log_level: 4,
    ...(tls?.ca !== undefined && { 'ssl.ca.pem': tls.ca }),
    ...(tls?.cert !== undefined && { 'ssl.certificate.pem': tls.cert }),
    ...(tls?.key !== undefined && { 'ssl.key.pem': tls.key }),
    ...(sasl !== undefined && saslConf(sasl)),
  }
}

function saslConf(sasl: SaslSettings): Conf {
  if (sasl.mechanism !== 'oauthbearer') {
    const { mechanism, username, password } = sasl
    return {
      'sasl.mechanisms': mechanism.toUpperCase(),
      'sasl.username': username,
      'sasl.password': password,
    }
  }
  return {
    'sasl.mechanisms': 'OAUTHBEARER',
    oauthbearer_token_refresh_cb: async () => {
      const tokenValue = await sasl.token()
      return { tokenValue, ...claims(tokenValue) }
    },
  }
}

/** Who a JWT is for and how long; librdkafka wants to know. */
function claims(token: string): { readonly principal: string; readonly lifetime: number } {
  try {
    const { sub, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      sub?: string
      exp?: number
    }
    return { principal: sub ?? '', lifetime: exp === undefined ? Date.now() + TOKEN_MS : exp * 1000 }
  } catch {
    return { principal: '', lifetime: Date.now() + TOKEN_MS }
  }
}
