import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { camerasSchema } from '../../src/config/cameras.js'
import { readCommandLine } from '../support/command-line.js'
import { environmentOf, isStanflow, mountsOf, readCompose } from '../support/compose.js'

const services = readCompose()
const infra = new URL('../../../infra/', import.meta.url)

describe('infra/compose.yaml', () => {
  test('every stanflow command line is one that stanflow takes, with its environment', async () => {
    const ran = Object.entries(services).filter(([, service]) => isStanflow(service))
    assert.deepEqual(ran.map(([name]) => name).sort(), [
      ...['archive', 'consume', 'consume-gpu', 'index', 'ingest', 'serve', 'topics'],
    ])
    for (const [name, service] of ran) {
      const { config } = await readCommandLine(service.command, environmentOf(service)).catch(
        (error: unknown) => assert.fail(`${name}: ${service.command.join(' ')}: ${String(error)}`),
      )
      assert.equal(config.brokers, 'kafka:9094')
      assert.equal(config.listen, '0.0.0.0:9464', 'Prometheus asks from another container')
    }
    // The reader tells what stanflow does not take.
    await assert.rejects(readCommandLine(['consume', '--bach', '2']), /unknown option '--bach'/)
    await assert.rejects(readCommandLine(['consume'], { STANFLOW_BATCH: 'many' }), /STANFLOW_BATCH/)
  })

  test('without a profile there are the servers and nothing else', () => {
    const always = Object.keys(services).filter((name) => services[name]?.profiles.length === 0)
    assert.deepEqual(always, ['kafka', 'registry', 's3'])
    for (const profile of ['cpu', 'gpu']) {
      const inIt = Object.keys(services).filter((name) => services[name]?.profiles.includes(profile))
      const consume = profile === 'cpu' ? 'consume' : 'consume-gpu'
      for (const name of [
        'ingest',
        consume,
        'archive',
        'index',
        'serve',
        'camera',
        'prometheus',
        'grafana',
      ]) {
        assert.ok(inIt.includes(name), `${name} in ${profile}`)
      }
      assert.equal(services[consume]?.deploy?.replicas, 2)
    }
  })

  test('Grafana may be looked at, and takes no password: its own would be admin', () => {
    const { GF_AUTH_ANONYMOUS_ENABLED, GF_AUTH_DISABLE_LOGIN_FORM, GF_AUTH_BASIC_ENABLED } = environmentOf(
      services.grafana as (typeof services)[string],
    )
    assert.deepEqual(
      [GF_AUTH_ANONYMOUS_ENABLED, GF_AUTH_DISABLE_LOGIN_FORM, GF_AUTH_BASIC_ENABLED],
      ['true', 'true', 'false'],
    )
  })

  test('everything is confined: versions, ports, rights, memory, health, what it mounts and waits for', () => {
    for (const [name, service] of Object.entries(services)) {
      assert.match(
        service.image,
        /^stanflow:(cpu|cuda|camera)$|:v?\d+\.\d+\.\d+$/,
        `${name}: an exact version`,
      )
      for (const port of service.ports)
        assert.match(port, /^127\.0\.0\.1:/, `${name} is for this machine only`)
      assert.ok(service.mem_limit, `${name} has a limit of memory`)
      assert.ok(service.security_opt.includes('no-new-privileges:true'), name)
      // versitygw is root in its image, and hands out what it stores.
      if (name !== 's3') assert.deepEqual(service.cap_drop, ['ALL'], name)
      if (service.image.startsWith('stanflow:'))
        assert.ok(service.read_only, `${name} writes to volumes only`)
      const once = Object.values(services).some(
        ({ depends_on: on }) => on[name]?.condition === 'service_completed_successfully',
      )
      if (!once && name !== 'grafana') assert.ok(service.healthcheck?.test, `${name} has a health check`)
      for (const on of Object.keys(service.depends_on)) assert.ok(services[on], `${name} waits for ${on}`)
      for (const { from } of mountsOf(service)) assert.ok(existsSync(from), `${name} mounts ${from}`)
    }
  })

  test('the cameras are ones that ingest takes, and Prometheus asks every command that stays', async () => {
    const camera = new URL('compose/cameras.yaml', infra)
    const { cameras } = camerasSchema.parse(parse(readFileSync(camera, 'utf8')))
    for (const { url } of cameras) assert.equal(url, 'rtsp://camera:8554/cam')
    const prometheus = parse(readFileSync(new URL('prometheus/compose.yaml', infra), 'utf8')) as {
      scrape_configs: { dns_sd_configs: { names: string[] }[] }[]
    }
    const asked = prometheus.scrape_configs.flatMap((job) => job.dns_sd_configs.flatMap(({ names }) => names))
    const stay = Object.keys(services).filter((name) => {
      const service = services[name]
      return service !== undefined && isStanflow(service) && name !== 'topics'
    })
    assert.deepEqual(asked.sort(), stay.sort())
  })
})
