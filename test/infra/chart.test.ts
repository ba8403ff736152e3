import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { stanflowProgram } from '../../src/cli/program.js'
import { receivers } from '../../src/config/alerts.js'
import { type CameraDefaults, readCameras } from '../../src/config/cameras.js'
import { kafkaSettings } from '../../src/config/kafka.js'
import { resolveConfig } from '../../src/config/resolve.js'
import { parseRules } from '../../src/config/rules.js'
import { CONFIG_KEYS } from '../../src/config/schema.js'
import { folderWith } from '../config/folder.js'
import { CHART, type Container, helm, type Manifest, podsOf, ROOT, rendered } from './chart.js'

const VALUES = (await readdir(join(ROOT, CHART, 'ci'))).map((name) => join(CHART, 'ci', name))
const EVERYTHING = join(CHART, 'ci/everything.yaml')
const COMPONENTS = ['ingest', 'consume', 'archive', 'index', 'serve', 'rules', 'alerts', 'nightly', 'topics']

const CAMERA: CameraDefaults = {
  ...{ frames: 12, window: 4, stride: 1, labels: [], prompts: [], silence: 5, rules: [] },
  ...{ keyframesOnly: false, loop: false, gate: false },
  transport: 'tcp',
  hwaccel: 'none',
}

const configMap = (manifests: readonly Manifest[], name: string | undefined) =>
  manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name)?.data ?? {}

/** What the command line makes of a container's arguments, once Kubernetes has put in the variables. */
async function parsed({ args }: Container): Promise<{ command: string; flags: Record<string, unknown> }> {
  const told = args.map((arg) => arg.replace(/\$\((POD_INDEX|JOB_COMPLETION_INDEX)\)/, '0'))
  assert.ok(!told.some((arg) => arg.includes('$(')), String(told))
  const program = stanflowProgram().exitOverride()
  const found: { command: string; flags: Record<string, unknown> }[] = []
  const listen = (commands: typeof program.commands, above: string): void => {
    for (const command of commands) {
      const name = `${above} ${command.name()}`.trim()
      command.exitOverride().action((...all: unknown[]) => {
        assert.ok(all.length > 0)
        found.push({ command: name, flags: command.opts() })
      })
      listen(command.commands, name)
    }
  }
  listen(program.commands, '')
  await program.parseAsync(told, { from: 'user' })
  assert.equal(found.length, 1, String(args))
  return found[0] as (typeof found)[number]
}

for (const values of VALUES) {
  test(`${values}: every command line is one that the real one takes, with the settings it is given`, async (t) => {
    const manifests = rendered('-f', values)
    const pods = podsOf(manifests)
    assert.ok(pods.size > 0)
    for (const [name, { containers, volumes }] of pods) {
      const container = containers[0] as Container
      const { command, flags } = await parsed(container)
      const expected = { topics: 'topics create', nightly: 'backfill' }[name] ?? name
      assert.equal(command, expected)
      // The files where the pod has them.
      const folder = await folderWith(t)
      const here = (path: string): string => path.replace('/etc/stanflow', folder)
      for (const { name: volume, mountPath } of container.volumeMounts) {
        const { configMap: from, secret } = volumes.find((one) => one.name === volume) ?? assert.fail(volume)
        const files =
          from !== undefined
            ? configMap(manifests, from.name)
            : secret !== undefined
              ? { 'ca.crt': 'x', 'tls.crt': 'x', 'tls.key': 'x', token: 'x' }
              : {}
        if (!mountPath.startsWith('/etc/stanflow')) continue
        await mkdir(here(mountPath), { recursive: true })
        for (const [file, text] of Object.entries(files)) {
          await writeFile(join(here(mountPath), file), text.replaceAll('/etc/stanflow', folder))
        }
      }
      const env: Record<string, string> = { STANFLOW_WEBHOOK_SECRET: '', HOME: '/data' }
      for (const { name: variable, value } of container.env) {
        const standsIn = variable.endsWith('_URL') ? 'https://example.org/x' : `whsec_${'A'.repeat(40)}`
        env[variable] = value ?? (variable === 'STANFLOW_REGISTRY' ? 'http://registry:8080' : standsIn)
      }
      assert.equal(env.STANFLOW_CONFIG, flags.config, 'commands run in the pod by hand read what it reads')
      const { config: file, from, to, keep, untilQuiet, digest, beside, ...given } = flags
      const own =
        name === 'index' || name === 'alerts' ? given : { ...given, ...(to !== undefined && { to }) }
      assert.deepEqual(
        [untilQuiet, digest, beside, keep === undefined || keep === 2_592_000],
        [undefined, undefined, undefined, true],
      )
      const here_ = Object.fromEntries(
        Object.entries(own).map(([key, value]) => [key, typeof value === 'string' ? here(value) : value]),
      )
      const { config } = await resolveConfig({ flags: here_, env, cwd: '/', file: here(String(file)) })
      if (name !== 'nightly') await kafkaSettings(config)
      assert.equal(config.listen ?? '0.0.0.0:9464', '0.0.0.0:9464')
      if (name === 'topics') assert.ok(config.partitions > 0 && (config.replicas ?? 0) > 0)
      if (config.rules !== undefined)
        assert.ok(parseRules(await readFile(config.rules, 'utf8'), 'rules').length > 0)
      if (name === 'alerts') assert.ok((await receivers(config, env)).length > 0 && from === 'now')
      if (
        name === 'ingest' &&
        Object.keys(configMap(manifests, 'stanflow-ingest')).includes('cameras.yaml')
      ) {
        const cameras = await readCameras(config.cameras ?? '', CAMERA, env)
        assert.ok(cameras.length > 0)
      }
    }
  })
}

test('no container runs as root, writes to its root or keeps a privilege; each has limits and a time to end', () => {
  const all = podsOf(rendered('-f', EVERYTHING))
  assert.deepEqual([...all.keys()].sort(), [...COMPONENTS].sort())
  for (const [name, pod] of all) {
    assert.deepEqual(
      pod.securityContext,
      {
        ...{ runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 },
        ...{ fsGroupChangePolicy: 'OnRootMismatch', seccompProfile: { type: 'RuntimeDefault' } },
      },
      name,
    )
    assert.equal(pod.initContainers, undefined)
    assert.deepEqual([pod.automountServiceAccountToken, pod.enableServiceLinks], [false, false])
    assert.ok((pod.terminationGracePeriodSeconds ?? 0) >= 30)
    for (const container of pod.containers) {
      assert.deepEqual(
        container.securityContext,
        {
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, runAsNonRoot: true },
          capabilities: { drop: ['ALL'] },
        },
        name,
      )
      assert.ok(
        container.resources.limits?.memory !== undefined && container.resources.requests !== undefined,
      )
      const isJob = name === 'nightly' || name === 'topics'
      assert.equal(container.readinessProbe === undefined, isJob, name)
      assert.equal(container.livenessProbe === undefined, isJob, name)
      const isWatched = container.ports?.some((one) => one.name === 'status' && one.containerPort === 9464)
      assert.equal(isWatched ?? false, name !== 'topics', name)
      const written = container.volumeMounts
        .filter(({ readOnly }) => readOnly !== true)
        .map((one) => one.mountPath)
      assert.deepEqual(written.sort(), ['/data', ...(name === 'index' ? ['/index'] : []), '/tmp'])
    }
  }
})

test('a drain is shorter than the time that a pod has for it', () => {
  const grace = (name: string) =>
    podsOf(rendered('-f', EVERYTHING)).get(name)?.terminationGracePeriodSeconds ?? 0
  // What pipelines/ingest/drain.ts gives cameras; how long a transaction of pipelines/consume.ts may take.
  assert.ok(grace('ingest') > 15 && grace('consume') > 60 && grace('rules') > 60)
})

test('secrets are named and nowhere held', () => {
  const manifests = rendered('-f', EVERYTHING)
  assert.ok(!manifests.some(({ kind }) => kind === 'Secret'))
  const secret = /password|secret|token|registry$|_URL$|access_key/i
  let named = 0
  for (const { containers } of podsOf(manifests).values()) {
    for (const { env, args } of containers) {
      for (const { name, value, valueFrom } of env) {
        if (!secret.test(name)) continue
        assert.equal(value, undefined, name)
        assert.match(
          JSON.stringify(valueFrom),
          /^\{"secretKeyRef":\{"name":"[a-z-]+","key":"[\w-]+"\}\}$/,
          name,
        )
        named++
      }
      for (const arg of args) assert.doesNotMatch(arg, /^--(sasl-password|access-token|webhook)=|:\/\/[^/]*@/)
    }
  }
  // Of all nine: password, registry, both halves of the access key; and three of secretEnv.
  assert.equal(named, 9 * 4 + 3)
})

test('behind an ingress the page believes it who a visitor is, and nobody else', () => {
  const trusted = (...args: readonly string[]) =>
    podsOf(rendered('-f', EVERYTHING, ...args))
      .get('serve')
      ?.containers[0]?.args.filter((arg) => arg.startsWith('--trust-proxy='))
  assert.ok(trusted()?.includes('--trust-proxy=10.0.0.0/8'))
  assert.deepEqual(trusted('--set', 'serve.ingress.enabled=false'), [])
})

test('consumers scale by lag, to no more than there are partitions', () => {
  const scaled = (...args: string[]) =>
    rendered('-f', EVERYTHING, ...args).find(({ kind }) => kind === 'ScaledObject')?.spec as {
      maxReplicaCount: number
      minReplicaCount: number
      triggers: { metadata: Record<string, string> }[]
    }
  assert.equal(scaled().maxReplicaCount, 12)
  assert.equal(scaled('--set', 'consume.keda.maxReplicas=500').maxReplicaCount, 24)
  assert.equal(scaled('--set', 'topics.partitions=3,consume.keda.minReplicas=5').minReplicaCount, 3)
  const { triggers } = scaled()
  assert.deepEqual(
    triggers.map(({ metadata: { topic, consumerGroup, sasl, tls } }) => [topic, consumerGroup, sasl, tls]),
    ['videos', 'clips'].map((topic) => [`cameras.${topic}`, 'cameras.consume', 'scram_sha512', 'enable']),
  )
  const deployment = rendered('-f', EVERYTHING).find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'stanflow-consume',
  )
  assert.equal(deployment?.spec?.replicas, undefined, 'KEDA decides, not the chart')
})

test('nothing is reached and nothing reaches in but what a policy opens', () => {
  const policies = rendered('-f', EVERYTHING).filter(({ kind }) => kind === 'NetworkPolicy')
  const spec = (name: string) =>
    policies.find(({ metadata }) => metadata.name === `stanflow-${name}`)?.spec as Record<string, unknown>
  assert.deepEqual(spec('default-deny'), {
    podSelector: {
      matchLabels: { 'app.kubernetes.io/name': 'stanflow', 'app.kubernetes.io/instance': 'stanflow' },
    },
    ...{ policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] },
  })
  assert.deepEqual(policies.map(({ metadata }) => metadata.name.replace('stanflow-', '')).sort(), [
    'default-deny',
    'from-metrics',
    'from-visitors',
    ...['cameras', 'dns', 'kafka', 'otlp', 'pod-identity', 'registry', 's3', 'webhooks'].map(
      (to) => `to-${to}`,
    ),
  ])
  const cameras = JSON.stringify(spec('to-cameras'))
  assert.ok(cameras.includes('["ingest"]') && cameras.includes('10.0.0.0/24') && !cameras.includes('consume'))
  const identity = JSON.stringify(spec('to-pod-identity'))
  assert.ok(identity.includes('{"port":80,') && identity.includes('169.254.170.23/32'))
  assert.ok(identity.includes('"archive"') && !identity.includes('"alerts"'))
  const minimal = rendered().map(({ metadata }) => metadata.name)
  assert.ok(!minimal.includes('stanflow-from-metrics'), 'nobody is let in who was not named')
  assert.ok(!minimal.includes('stanflow-to-pod-identity'))
})

test('a component runs the image of the registry that was named, with a card the one for cards', () => {
  const images = (...args: string[]) =>
    [...podsOf(rendered(...args))].map(([name, { containers }]) => [name, containers[0]?.image])
  const gpu = 'consume.gpu.enabled=true,topics.create=false'
  assert.deepEqual(images('--set', 'topics.create=false'), [
    ['consume', 'registry.example.org/stanflow:0.1.0'],
  ])
  assert.deepEqual(images('--set', gpu), [['consume', 'registry.example.org/stanflow:0.1.0-cuda']])
  assert.deepEqual(images('--set', `${gpu},image.tag=x`), [
    ['consume', 'registry.example.org/stanflow:x-cuda'],
  ])
  const cuda = `${gpu},image.cuda.repository=cards.example.org/stanflow,image.cuda.tag=y`
  assert.deepEqual(images('--set', cuda), [['consume', 'cards.example.org/stanflow:y']])
})

test('a component with a card computes on it, without waiting for TensorRT, unless it is told otherwise', () => {
  const ways = (values: string, ...sets: string[]) =>
    Object.fromEntries(
      [...podsOf(rendered('-f', join(CHART, 'ci', values), ...sets.flatMap((set) => ['--set', set])))].map(
        ([name, { containers }]) => [
          name,
          containers[0]?.args.filter((arg) => /^--(engine|device)=/.test(arg)).map((arg) => arg.slice(2)),
        ],
      ),
    )
  const cuda = ['device=cuda', 'engine=onnx']
  const page = 'serve.enabled=true,serve.existingSecret=visitors'
  assert.deepEqual(ways('gpu.yaml', page), { consume: cuda, serve: [], topics: [] })
  assert.deepEqual(ways('gpu.yaml', 'consume.extraArgs={--device=tensorrt}').consume, [
    'engine=onnx',
    'device=tensorrt',
  ])
  assert.deepEqual(ways('gpu.yaml', 'consume.extraArgs={--device=cpu}').consume, ['device=cpu'])
  assert.deepEqual(ways('gpu.yaml', 'config.engine=tfjs').consume, ['device=cuda'])
  assert.deepEqual(ways('gpu.yaml', 'config.device=auto').consume, [])
  assert.deepEqual(ways('labels-at-cameras.yaml').ingest, cuda)
  assert.deepEqual(ways('everything.yaml').ingest, [], 'pictures are only cut there')
})

test('the page mounts the volume that its index is in', () => {
  const claims = (...sets: string[]) =>
    podsOf(rendered('-f', EVERYTHING, ...sets.flatMap((set) => ['--set', set])))
      .get('serve')
      ?.volumes.flatMap(({ persistentVolumeClaim: claim }) => (claim === undefined ? [] : [claim]))
  assert.deepEqual(claims(), [{ claimName: 'index', readOnly: true }])
  assert.deepEqual(claims('serve.existingClaim=copy'), [{ claimName: 'copy', readOnly: true }])
  assert.deepEqual(claims('index.to=s3://results/index'), [])
})

test('alerts are about this release, whatever it is called; the rest they tell apart by namespace', () => {
  const rules = (...args: string[]) =>
    JSON.stringify(rendered('-f', EVERYTHING, ...args).find(({ kind }) => kind === 'PrometheusRule')?.spec)
  const given = rules('--set', 'fullnameOverride=clips')
  assert.ok(!given.includes('.*stanflow.*') && !given.includes('namespace=~'))
  for (const named of [
    'up{job="video/clips-pods"}',
    'namespace="video",deployment=~"clips-(',
    'namespace="video",job_name=~"clips-nightly-.+"',
    'namespace="video",cronjob=~"clips-nightly"',
  ])
    assert.ok(given.includes(JSON.stringify(named).slice(1, -1)), named)
})

test('a node that is drained amid a night does not end it: its shares are neither done nor failed', () => {
  const manifests = rendered('-f', EVERYTHING)
  const night = manifests.find(({ kind }) => kind === 'CronJob')
  const job = night?.spec?.jobTemplate as { spec: { podFailurePolicy: unknown } } | undefined
  const onPodConditions = [{ type: 'DisruptionTarget', status: 'True' }]
  assert.deepEqual(job?.spec.podFailurePolicy, { rules: [{ action: 'Ignore', onPodConditions }] })
  assert.ok(podsOf(manifests).get('nightly')?.containers[0]?.args.includes('--stopped-status=143'))
})

test('another configuration replaces pods; another list of cameras does not', () => {
  const checksum = (name: string, ...sets: string[]) => {
    const found = rendered('-f', EVERYTHING, ...sets).find(
      ({ kind, metadata }) =>
        ['Deployment', 'StatefulSet'].includes(kind) && metadata.name === `stanflow-${name}`,
    )
    const template = found?.spec?.template as Manifest | undefined
    return template?.metadata.annotations?.['checksum/config']
  }
  assert.notEqual(checksum('consume'), checksum('consume', '--set', 'config.window=8s'))
  assert.notEqual(checksum('rules'), checksum('rules', '--set', 'rules.rules[0].threshold=0.7'))
  assert.equal(checksum('ingest'), checksum('ingest', '--set', 'ingest.cameras.window=8s'))
})

test('what is wrong with values is said, and nothing is rendered', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['consume.replicsa=3', /replicsa/],
    ['consume.replicas=many', /consume\/replicas/],
    ['config.brokers=kafka', /config\/brokers/],
    ['config.engine=quick', /config\/engine/],
    ['config.sasl-password=hunter2', /sasl-password/],
    ['config.registry=http://user:hunter2@registry:8080', /config\/registry/],
    ['consume.extraArgs[0]=--sasl-password=hunter2', /extraArgs/],
    ['ingest.cameras.cameras[0].id=a,ingest.cameras.cameras[0].url=rtsp://u:hunter2@10.0.0.5/1', /url/],
    [
      'ingest.cameras.cameras[0].id=a,ingest.cameras.cameras[0].url=x,ingest.cameras.cameras[0].password=hunter2',
      /password/,
    ],
    ['alerts.webhooks[0].name=a,alerts.webhooks[0].secret=hunter2', /secret/],
    ['index.extraArgs[0]=--registry=http://user:hunter2@registry', /extraArgs/],
    ['consume.extraArgs[0]=--registry=http://registry/?apiToken=hunter2', /extraArgs/],
    ['otlpEndpoint=http://collector:4318/?token=hunter2', /otlpEndpoint/],
    ['ingest.cameras.cameras[0].id=a,ingest.cameras.cameras[0].url=RTSP://u:hunter2@10.0.0.5/1', /url/],
    [
      'ingest.cameras.cameras[0].id=a,ingest.cameras.cameras[0].url=http://10.0.0.5/1?Password=hunter2',
      /url/,
    ],
    ['image.repository=', /where you pushed the image/],
    ['index.enabled=true,index.to=/index/m', /index.existingClaim is needed/],
    ['index.enabled=true,index.to=/indexes,index.existingClaim=i', /index\/to/],
    ['serve.enabled=true,serve.existingSecret=v,serve.index=/index/m', /serve.existingClaim is needed/],
    ['config.device=cuda', /consume has no card/],
    [
      'config.device=cuda,consume.gpu.enabled=true,nightly.enabled=true,nightly.inputs={s3://aa/b},nightly.to=s3://aa/c',
      /nightly has no card/,
    ],
    ['consume.keda.enabled=true', /kafka means another host/],
    ['consume.keda.enabled=true,config.brokers=kafka-0.kafka:9092', /kafka-0.kafka means another host/],
    [
      'serve.enabled=true,serve.existingSecret=v,serve.ingress.enabled=true,serve.ingress.host=v.example.org,serve.ingress.tlsSecret=t',
      /networkPolicy.serveFrom/,
    ],
    ['monitoring.podMonitor.enabled=true', /networkPolicy.metricsFrom/],
    ['podSecurity.runAsUser=0', /runAsUser/],
    ['consume.terminationGracePeriodSeconds=5', /terminationGracePeriodSeconds/],
    ['consume.resources.limits=null', /resources/],
    ['archive.enabled=true', /archive\/to/],
    ['archive.enabled=true,archive.to=/tmp', /archive\/to/],
    ['serve.enabled=true', /existingSecret/],
    ['nightly.enabled=true', /nightly/],
    ['rules.enabled=true', /rules/],
    ['topics.partitions=0', /partitions/],
    ['kafka.existingSecret=k', /config.sasl/],
    ['config.sasl=plain', /kafka.existingSecret/],
    [
      'ingest.enabled=true,ingest.mode=labels,rules.enabled=true,rules.rules[0].name=a,rules.rules[0].threshold=0.5',
      /twice/,
    ],
  ]
  for (const [set, why] of refused) {
    const { code, stderr, stdout } = helm('template', '--set', set)
    assert.notEqual(code, 0, `${set} was taken`)
    assert.match(stderr, why, set)
    assert.equal(stdout, '')
  }
})

test("the README's values are all that its installation needs", async (t) => {
  const readme = await readFile(join(ROOT, CHART, 'README.md'), 'utf8')
  const values = /```yaml\n([^`]*)```/.exec(readme)?.[1] ?? assert.fail('there are none')
  const file = join(await folderWith(t, { 'values.yaml': values }), 'values.yaml')
  const { code, stdout, stderr } = helm('template', '-f', file)
  assert.equal(code, 0, stderr)
  // The chart is given a repository here anyway.
  assert.ok((parse(values) as { image?: { repository?: string } }).image?.repository !== undefined)
  assert.match(stdout, /image: "registry\.example\.org\/stanflow:0\.1\.0-cuda"/)
})

test('the schema of values knows the settings that there are, with what they may be, and describes every value', async () => {
  interface Schema {
    readonly description?: string
    readonly type?: string | readonly string[]
    readonly enum?: readonly string[]
    readonly additionalProperties?: unknown
    readonly properties?: Readonly<Record<string, Schema | false>>
    readonly $ref?: string
  }
  const schema = JSON.parse(await readFile(join(ROOT, CHART, 'values.schema.json'), 'utf8')) as Schema
  const config = schema.properties?.config
  const settings = config === false || config === undefined ? {} : (config.properties ?? {})
  assert.ok(Object.keys(settings).length > 10)
  for (const [name, known] of Object.entries(settings)) {
    const key = CONFIG_KEYS.find((one) => one.name === name)
    assert.ok(key !== undefined && known !== false, `there is no setting ${name}`)
    if (name === 'registry') continue
    assert.ok(key.secret !== true, name)
    for (const one of known.enum ?? []) assert.ok(key.choices?.includes(one), `${name} is never ${one}`)
    if (key.choices !== undefined && name !== 'sasl') assert.deepEqual(known.enum, key.choices, name)
  }
  for (const { name, group } of CONFIG_KEYS) {
    if (group === 'Limits') assert.ok(name in settings, `${name} cannot be set`)
  }
  const described = (at: Schema, path: string): void => {
    if (path.includes('ingest.cameras.') || path.includes('alerts.webhooks')) return
    assert.ok(
      at.description !== undefined || at.enum !== undefined || path === '',
      `${path} is not described`,
    )
    if (at.properties !== undefined && path !== '.ingest.cameras')
      assert.equal(at.additionalProperties, false, path)
    for (const [name, next] of Object.entries(at.properties ?? {})) {
      if (next !== false) described(next, `${path}.${name}`)
    }
  }
  described(schema, '')
  const values = parse(await readFile(join(ROOT, CHART, 'values.yaml'), 'utf8')) as Record<string, unknown>
  const readme = await readFile(join(ROOT, CHART, 'README.md'), 'utf8')
  for (const name of Object.keys(values))
    assert.ok(readme.includes(`\`${name}`), `README.md says nothing of ${name}`)
})

test('what checks manifests finds a field that is misspelt, in ours and in those of KEDA', async (t) => {
  const folder = await folderWith(t)
  const check = (manifests: readonly Manifest[]) => {
    const file = join(folder, 'manifests.yaml')
    return writeFile(file, manifests.map((one) => JSON.stringify(one)).join('\n---\n')).then(() => {
      const lint = ['infra/lint/validate_manifests.py', '1.37', file, '.cache/lint/keda-2.21.0']
      return spawnSync('.cache/lint/kubernetes-validate-1.37.0/bin/python', lint, {
        cwd: ROOT,
        encoding: 'utf8',
      })
    })
  }
  const sound = rendered('-f', EVERYTHING).filter(({ kind }) => ['Deployment', 'ScaledObject'].includes(kind))
  assert.equal((await check(sound)).status, 0)
  for (const manifest of sound.slice(-2)) {
    const wrong = { ...manifest, spec: { ...manifest.spec, maxReplicaCuont: 3 } }
    const { status, stderr } = await check([wrong])
    assert.equal(status, 1, manifest.kind)
    assert.match(stderr, /maxReplicaCuont/)
  }
})
