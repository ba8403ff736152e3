import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fullUrl, nameOf, parseAddress, redacted } from '../../../src/media/live/address.js'

test('credentials are taken out of an address, and put back for ffmpeg alone', () => {
  const address = parseAddress('rtsp://us%40er:p%3Aw%2F%40@10.0.0.5:554/cam1?ch=1')
  assert.deepEqual(address, {
    ...{ kind: 'rtsp', shown: 'rtsp://10.0.0.5:554/cam1?ch=1', username: 'us@er', password: 'p:w/@' },
  })
  assert.equal(fullUrl(address), 'rtsp://us%40er:p%3Aw%2F%40@10.0.0.5:554/cam1?ch=1')
  assert.equal(parseAddress("rtsp://admin:it'$&s@host/x").password, "it'$&s")
  assert.equal(nameOf(address), '10.0.0.5-554-cam1')
})

test('kinds of input are told apart', () => {
  const kinds = [
    ...[
      'rtsps://h/a',
      'rtmp://h/app/key',
      'https://h/a/live.m3u8?x=1',
      'http://h/video.mjpg',
      '/dev/video0',
      'a.mp4',
    ],
  ].map((text) => parseAddress(text).kind)
  assert.deepEqual(kinds, ['rtsp', 'rtmp', 'hls', 'http', 'device', 'file'])
  assert.equal(nameOf(parseAddress('videos/front door.mp4')), 'front-door')
  assert.throws(() => parseAddress('ftp://h/a'), { code: 'USAGE_INVALID' })
  assert.throws(() => parseAddress("rtsp://h/a'\nfile 'x"), { code: 'USAGE_INVALID' })
})

test('what ffmpeg says holds no credentials', () => {
  const address = parseAddress('rtsp://viewer:s3cret%2F@10.0.0.5/cam1')
  const basic = Buffer.from('viewer:s3cret/').toString('base64')
  const said = [
    "[concat @ 0x1] Impossible to open 'rtsp://viewer:s3cret%2F@10.0.0.5/cam1'",
    `Authorization: Basic ${basic}`,
    'password s3cret/ refused',
    'rtsp://other:thing@elsewhere/x',
  ].map((line) => redacted(line, address))
  assert.equal(said[0], "[concat @ 0x1] Impossible to open 'rtsp://10.0.0.5/cam1'")
  for (const line of said) assert.doesNotMatch(line, /s3cret|thing|dmlld2Vy/)
})

test('secrets in the query of an address are not shown, and are opened all the same', () => {
  const url = 'rtmp://10.0.0.5/live?channel=0&user=admin&password=S3cret'
  const address = parseAddress(url)
  assert.equal(address.shown, 'rtmp://10.0.0.5/live?channel=0&user=***&password=***')
  assert.equal(fullUrl(address), url)
  assert.equal(redacted(`${url}: refused`, address).includes('S3cret'), false)
  const withName = parseAddress('rtsp://a:b@h:554/x?token=T0k')
  assert.equal(fullUrl(withName), 'rtsp://a:b@h:554/x?token=T0k')
  assert.equal(withName.shown, 'rtsp://h:554/x?token=***')
})

test('a password that is not escaped is refused, and not shown', () => {
  for (const url of ['rtsp://admin:S3/cret@h/x', 'rtsp://admin:S3?cret@h/x', 'rtsp://admin:S3#cret@h/x']) {
    assert.throws(
      () => parseAddress(url),
      (error: Error) => /%2F|number/.test(error.message) && !error.message.includes('S3'),
    )
  }
  assert.equal(parseAddress('rtsp://[::1]:8554/x').shown, 'rtsp://[::1]:8554/x')
})
