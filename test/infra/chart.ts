import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
export const CHART = 'infra/helm/stanflow'
const HELM = '.cache/bin/helm-3.22.0'

export interface Container {
  readonly name: string
  readonly image: string
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext?: object
  readonly resources: { readonly requests?: object; readonly limits?: Readonly<Record<string, string>> }
  readonly volumeMounts: readonly {
    readonly name: string
    readonly mountPath: string
    readonly readOnly?: boolean
  }[]
  readonly readinessProbe?: object
  readonly livenessProbe?: object
}

export interface PodSpec {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly securityContext?: object
  readonly automountServiceAccountToken?: boolean
  readonly enableServiceLinks?: boolean
  readonly terminationGracePeriodSeconds?: number
  readonly volumes: readonly {
    readonly name: string
    readonly configMap?: { readonly name: string }
    readonly secret?: { readonly secretName: string }
    readonly emptyDir?: object
    readonly persistentVolumeClaim?: { readonly claimName: string; readonly readOnly?: boolean }
  }[]
}

export interface Manifest {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
  readonly spec?: Readonly<Record<string, unknown>>
  readonly data?: Readonly<Record<string, string>>
}

/** What helm says of the chart with what no installation goes without, these files of values and `--set`s. */
export function helm(command: 'template' | 'lint', ...args: readonly string[]) {
  const name = command === 'template' ? ['stanflow'] : []
  const own = ['--namespace', 'video', '--kube-version', '1.37', '-f', `${CHART}/ci/minimal.yaml`]
  const more = command === 'template' ? own : []
  const run = spawnSync(HELM, [command, ...name, CHART, ...more, ...args], { cwd: ROOT, encoding: 'utf8' })
  if (run.error !== undefined) throw run.error
  return { code: run.status, stdout: run.stdout, stderr: run.stderr }
}

/** @throws what helm said */
export function rendered(...args: readonly string[]): readonly Manifest[] {
  const { code, stdout, stderr } = helm('template', ...args)
  if (code !== 0) throw new Error(stderr)
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null)
}

/** The pods that manifests make, by the names of their containers. */
export function podsOf(manifests: readonly Manifest[]): ReadonlyMap<string, PodSpec> {
  const pods = manifests.flatMap(({ spec }) => {
    const job = spec?.jobTemplate as { spec: { template: { spec: PodSpec } } } | undefined
    const template = (job?.spec.template ?? spec?.template) as { spec: PodSpec } | undefined
    return template?.spec?.containers === undefined ? [] : [template.spec]
  })
  return new Map(pods.map((pod) => [pod.containers[0]?.name ?? '', pod]))
}
