import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort, ServerProcess } from './child.js'

const run = promisify(execFile)

/** Fetched by infra/servers.sh. */
const JARS = fileURLToPath(new URL('../../../.cache/kafka/kafka-4.4.0', import.meta.url))
const READY_MS = 180_000
const STORE_PASSWORD = 'stanflow-test'

export const USER = { username: 'alice', password: 'alice-secret' } as const

/** Where a broker listens; every address is `127.0.0.1:port`. */
export interface BrokerAddresses {
  readonly plain: string
  readonly tls: string
  /** SCRAM-SHA-256 and -512 for `USER`, over TLS. */
  readonly scram: string
  /** SASL PLAIN for `USER`, unencrypted. */
  readonly sasl: string
  /** OAUTHBEARER with unsigned tokens. */
  readonly oauth: string
  /** PEM of the broker's certificate, which vouches for itself. */
  readonly ca: string
}

export interface BrokerOptions {
  /** Lines of server.properties that count more than the usual ones. */
  readonly properties?: Readonly<Record<string, string>>
}

/** A real Kafka broker (KRaft, one node) on free ports of 127.0.0.1. */
export class Broker {
  readonly addresses: BrokerAddresses
  readonly #dir: string
  #process: ServerProcess

  private constructor(dir: string, addresses: BrokerAddresses) {
    this.#dir = dir
    this.addresses = addresses
    this.#process = this.#launch()
  }

  static async start(options: BrokerOptions = {}): Promise<Broker> {
    await stat(JARS).catch(() => {
      throw new Error(`${JARS} is missing: run infra/servers.sh.`)
    })
    const dir = await mkdtemp(join(tmpdir(), 'stanflow-kafka-'))
    const ca = await certificate(dir)
    const ports: number[] = []
    while (ports.length < 6) ports.push(await freePort())
    const [plain, tls, scram, sasl, oauth, controller] = ports.map((port) => `127.0.0.1:${port}`) as string[]
    const addresses = { plain, tls, scram, sasl, oauth, ca } as BrokerAddresses
    const lines = { ...properties(dir, addresses, controller as string), ...options.properties }
    const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`)
    await writeFile(join(dir, 'server.properties'), text.join(''))
    const scrams = [256, 512].flatMap((bits) => [
      '--add-scram',
      `SCRAM-SHA-${bits}=[name=${USER.username},password=${USER.password}]`,
    ])
    const id = randomBytes(16).toString('base64url')
    await run('java', [
      ...['-XX:TieredStopAtLevel=1', '-cp', `${JARS}/*`, 'kafka.tools.StorageTool'],
      // An id may begin with a dash, which would be taken for an option.
      ...['format', `--cluster-id=${id}`, '-c', join(dir, 'server.properties'), ...scrams],
    ])
    const broker = new Broker(dir, addresses)
    await broker.#ready()
    return broker
  }

  get running(): boolean {
    return this.#process.running
  }

  /** As when the power fails; `restart` brings it back with its data. */
  kill(): Promise<void> {
    return this.#process.kill()
  }

  /** Starts again, on the same ports. */
  async restart(): Promise<void> {
    this.#process = this.#launch()
    await this.#ready()
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    // Nothing in it is of use to anyone, so it need not be ended in order.
    await this.#process.kill()
    await rm(this.#dir, { recursive: true, force: true })
  }

  #launch(): ServerProcess {
    return new ServerProcess([
      ...['java', '-XX:TieredStopAtLevel=1', '-Xmx384m', '-XX:+UseSerialGC', '-cp', `${JARS}/*`],
      ...['kafka.Kafka', join(this.#dir, 'server.properties')],
    ])
  }

  async #ready(): Promise<void> {
    const port = Number(this.addresses.plain.split(':')[1])
    const deadline = Date.now() + READY_MS
    while (!(await accepts(port))) {
      if (!this.#process.running || Date.now() > deadline) {
        throw new Error(`the Kafka broker does not come up: ${this.#process.said}`)
      }
      await sleep(50)
    }
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => answer(true)).once('error', () => answer(false))
  })
}

/** A self-signed key and certificate for 127.0.0.1, by Java's own keytool; answers with the certificate's PEM. */
async function certificate(dir: string): Promise<string> {
  const store = join(dir, 'broker.p12')
  const shared = ['-alias', 'broker', '-keystore', store, '-storepass', STORE_PASSWORD]
  await run('keytool', [
    ...['-genkeypair', ...shared, '-storetype', 'PKCS12', '-keyalg', 'EC', '-groupname', 'secp256r1'],
    ...['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1,dns:localhost', '-validity', '3650'],
  ])
  const pem = join(dir, 'ca.pem')
  await run('keytool', ['-exportcert', ...shared, '-rfc', '-file', pem])
  return readFile(pem, 'utf8')
}

function properties(dir: string, addresses: BrokerAddresses, controller: string): Record<string, string> {
  const { plain, tls, scram, sasl, oauth } = addresses
  const listeners = `PLAINTEXT://${plain},TLS://${tls},SCRAM://${scram},SASL://${sasl},OAUTH://${oauth}`
  const { username, password } = USER
  const plainModule = 'org.apache.kafka.common.security.plain.PlainLoginModule required'
  const scramModule = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
  const oauthModule = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required'
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${listeners},CONTROLLER://${controller}`,
    'advertised.listeners': listeners,
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,TLS:SSL,SCRAM:SASL_SSL,SASL:SASL_PLAINTEXT,OAUTH:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'ssl.keystore.type': 'PKCS12',
    'ssl.keystore.location': join(dir, 'broker.p12'),
    'ssl.keystore.password': STORE_PASSWORD,
    'listener.name.scram.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
    'listener.name.scram.scram-sha-256.sasl.jaas.config': scramModule,
    'listener.name.scram.scram-sha-512.sasl.jaas.config': scramModule,
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config': `${plainModule} user_${username}="${password}";`,
    'listener.name.oauth.sasl.enabled.mechanisms': 'OAUTHBEARER',
    'listener.name.oauth.oauthbearer.sasl.jaas.config': `${oauthModule} unsecuredLoginStringClaim_sub="broker";`,
    'log.dirs': join(dir, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'auto.create.topics.enable': 'false',
    // A broker that was killed is let back in sooner.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
  }
}
