import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import sharp from 'sharp'
import { thumbnail } from '../../src/report/thumbnails.js'

const jpegOf = (uri: string) => Buffer.from(uri.replace('data:image/jpeg;base64,', ''), 'base64')

suite('a thumbnail', () => {
  test('is a JPEG of the frame in a data URI', async () => {
    const colour = [200, 40, 90]
    const pixels = Uint8Array.from({ length: 170 * 96 * 3 }, (_, i) => colour[i % 3] ?? 0)
    const picture = await thumbnail({ time: 2.5, width: 170, height: 96, pixels })
    const jpeg = jpegOf(picture.uri)
    const { format, width, height } = await sharp(jpeg).metadata()
    assert.deepEqual({ format, width, height }, { format: 'jpeg', width: 170, height: 96 })
    assert.equal(picture.time, 2.5)
    const { channels } = await sharp(jpeg).stats()
    channels.forEach(({ mean }, i) => {
      assert.ok(Math.abs(mean - (colour[i] ?? 0)) < 4, `channel ${i} is ${mean}`)
    })
  })

  test('of the busiest picture is at most 5 KB', async () => {
    const picture = await thumbnail({ time: 0, width: 170, height: 96, pixels: randomBytes(170 * 96 * 3) })
    assert.ok(jpegOf(picture.uri).byteLength <= 5000, `${jpegOf(picture.uri).byteLength} bytes`)
  })

  test('of a very wide picture is shrunk, not cropped', async () => {
    const picture = await thumbnail({
      time: 0,
      width: 1000,
      height: 96,
      pixels: new Uint8Array(1000 * 96 * 3),
    })
    assert.deepEqual([picture.width, picture.height], [384, 37])
  })
})
