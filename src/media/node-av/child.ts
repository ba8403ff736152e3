import { writeSync } from 'node:fs'
import { AV_LOG_ERROR } from 'node-av/constants'
import { Log } from 'node-av/lib'
import { demux } from './demux.js'
import { Failed } from './failed.js'
import { decodeFrames } from './frames.js'
import { type Failure, HEADER_BYTES, Kind, type Task } from './protocol.js'

// The decoder process. libav runs on its one thread and writes to a blocking pipe: a reader that does not pull stops it.

const OUT = 3
/** Milliseconds of work without a record after which the parent hears that it goes on. */
const SILENCE_MS = 5000
let spoke = 0
/** Microseconds of processor time at which the task in hand is to be given up. */
let deadline = 0

Log.setLevel(AV_LOG_ERROR)

const header = Buffer.alloc(HEADER_BYTES)
const NOTHING = new Uint8Array(0)

function send(kind: number, value: number, body: Uint8Array = NOTHING): void {
  header.writeUInt32LE(kind, 0)
  header.writeUInt32LE(value, 4)
  header.writeUInt32LE(body.length, 8)
  writeAll(header)
  writeAll(body)
  spoke = Date.now()
}

function alive(): void {
  if (processorTime() > deadline) throw new Failed('costly', 'no processor time is left')
  if (Date.now() - spoke > SILENCE_MS) send(Kind.alive, 0)
}

function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function writeAll(bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(OUT, bytes, done)
  } catch {
    // The parent is gone: nobody is left to write for.
    process.exit(0)
  }
}

function work(task: Task): void {
  spoke = Date.now()
  deadline = processorTime() + task.cpu * 1e6
  if (task.kind === 'probe') {
    const { head, packets } = demux(task, alive)
    send(Kind.demuxed, 0, Buffer.from(JSON.stringify(head)))
    for (const { buffer, byteOffset, byteLength } of [packets.pts, packets.key])
      send(Kind.packets, 0, new Uint8Array(buffer, byteOffset, byteLength))
  } else {
    for (const { index, pixels } of decodeFrames(task, alive)) send(Kind.frame, index, pixels)
  }
  send(Kind.end, 0)
}

process.on('message', (task: Task) => {
  try {
    work(task)
  } catch (error) {
    const failure: Failure = {
      stage: error instanceof Failed ? error.stage : 'decode',
      detail: error instanceof Error ? error.message : String(error),
    }
    send(Kind.failed, 0, Buffer.from(JSON.stringify(failure)))
  }
})
// The parent is gone: nobody is left to read for.
process.on('disconnect', () => process.exit(0))
// Signals that end the parent's group are the parent's to handle: it drains, then lets this process go.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
