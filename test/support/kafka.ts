import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { BrokerAddresses } from './broker.js'

const HOLDER = fileURLToPath(new URL('./kafka-holder.js', import.meta.url))
const READY_MS = 120_000
const CHECKOUT = createHash('sha256').update(HOLDER).digest('hex').slice(0, 12)

const held = new Map<string, Promise<string>>()
const connections: Socket[] = []

/** The one broker that all test processes of a run share. Topics are kept apart by `topicPrefix`. */
export async function sharedBroker(): Promise<BrokerAddresses> {
  return JSON.parse(await shared('broker')) as BrokerAddresses
}

/** URL of the one schema registry that all test processes of a run share. */
export async function sharedRegistry(): Promise<string> {
  return (JSON.parse(await shared('registry')) as { url: string }).url
}

/** A prefix of topics and groups that no other test has. */
export function topicPrefix(): string {
  return `t${randomBytes(4).toString('hex')}.`
}

function shared(kind: string): Promise<string> {
  const facts = held.get(kind) ?? hold(kind)
  held.set(kind, facts)
  return facts
}

/** Connects to the process that holds the server, starting it where there is none; being connected keeps it alive. */
async function hold(kind: string): Promise<string> {
  const path = join(tmpdir(), `stanflow-test-${kind}-${CHECKOUT}.sock`)
  const deadline = Date.now() + READY_MS
  let said = ''
  while (Date.now() < deadline) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      const [line] = (await Promise.race([once(socket, 'data'), hungUp(socket)])) as [Buffer]
      connections.push(socket)
      socket.on('error', () => undefined).unref()
      return line.toString()
    } catch (error) {
      socket.destroy()
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED' && code !== 'ECONNRESET') throw error
      // A socket that nobody listens on is what a killed holder left.
      if (code === 'ECONNREFUSED') await rm(path, { force: true })
      if (code !== 'ECONNRESET') {
        const holder = spawn(process.execPath, [HOLDER, kind, path], {
          detached: true,
          stdio: ['ignore', 'ignore', 'pipe'],
        })
        holder.stderr.on('data', (chunk: Buffer) => {
          said = chunk.toString()
        })
        ;(holder.stderr as unknown as { unref(): void }).unref()
        holder.unref()
      }
      await sleep(300)
    }
  }
  throw new Error(`no ${kind} came up: ${said}`)
}

/** A holder that was about to end lets nobody in. */
async function hungUp(socket: Socket): Promise<never> {
  await once(socket, 'close')
  throw Object.assign(new Error('it hung up'), { code: 'ECONNRESET' })
}

after(() => {
  for (const socket of connections) socket.destroy()
})
