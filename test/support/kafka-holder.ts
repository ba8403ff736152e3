import { rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { Broker } from './broker.js'
import { Registry } from './registry.js'

/**
 * Holds one server for all test processes of a run: `kafka-holder.js broker|registry SOCKET`. Whoever connects to the
 * socket is told where the server is; once nobody has been connected for a while, it ends.
 */
const LINGER_MS = 5000

const [kind, socket] = process.argv.slice(2) as [string, string]
let users = 0
let ending = setTimeout(end, 120_000)
let server: { stop(): Promise<void> } | undefined

async function end(): Promise<void> {
  door.close()
  await rm(socket, { force: true })
  await server?.stop()
  process.exit(0)
}

const door = createServer((client) => {
  users++
  clearTimeout(ending)
  client.on('error', () => undefined)
  client.on('close', () => {
    users--
    if (users === 0) ending = setTimeout(end, LINGER_MS)
  })
  void facts.then((text) => client.write(`${text}\n`))
})

const facts: Promise<string> = (async () => {
  if (kind === 'broker') {
    const broker = await Broker.start()
    server = broker
    return JSON.stringify(broker.addresses)
  }
  const registry = await Registry.start()
  server = registry
  return JSON.stringify({ url: registry.url })
})()
facts.catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`)
  process.exit(1)
})

door.on('error', () => process.exit(0)).listen(socket)
process.on('SIGTERM', () => void end())
