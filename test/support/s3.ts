import { after } from 'node:test'
import { S3Server } from './s3-server.js'

export type { S3Server } from './s3-server.js'

let shared: Promise<S3Server> | undefined

/** The one server of this test process, up until its last test is done. */
export function s3Server(): Promise<S3Server> {
  shared ??= S3Server.start()
  return shared
}

after(async () => (await shared)?.stop())
