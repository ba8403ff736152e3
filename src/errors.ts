/** What can go wrong, once and for all: each code with the hint that is shown when the thrower has no better one. */
const CATALOGUE = {
  USAGE_INVALID: 'Run the command with --help to see what it takes.',
  CONFIG_INVALID: 'Run `stanflow config print` to see every value and where it came from.',
  INPUT_NONE: 'Name video files, folders, globs such as "videos/**/*.mp4", or a .txt/.jsonl list.',
  INPUT_NOT_FOUND: 'Check the path; the file may have been moved since it was listed.',
  INPUT_NOT_A_FILE: 'A folder is searched only when it is named as an input itself.',
  INPUT_PERMISSION: 'Give the user that runs stanflow permission to read it.',
  INPUT_READ: 'The disk or network share failed while it was read; check it, then run again.',
  INPUT_EMPTY: 'The file has no bytes; the copy or recording that made it may have failed.',
  INPUT_CHANGED: 'The file changed while it was read; run again once it is complete.',
  INPUT_LIST_INVALID: 'A .txt list has one path a line; a .jsonl list has one {"path": "…"} a line.',
  MEDIA_NOT_VIDEO: 'The content is no known video container, whatever the file is called.',
  MEDIA_NO_VIDEO_STREAM: 'The file has no video track (audio only, perhaps).',
  MEDIA_STILL_IMAGE: 'A still image has no moments; stanflow takes video.',
  MEDIA_TOO_SHORT: 'A clip needs at least two frames.',
  MEDIA_TRUNCATED: 'The file ends before its own header says; copy or record it again.',
  MEDIA_DECODE: 'The video data is damaged; re-encode it or fetch it again.',
  MEDIA_UNSUPPORTED: 'Try the other reader with --reader ffmpeg or --reader node-av.',
  MEDIA_CRASH:
    'The decoder process ended abnormally on this file; allow more with --max-memory, or try the other --reader.',
  MEDIA_TOO_LARGE: 'Allow more with --max-pixels or --max-bytes, if the video is to be trusted.',
  MEDIA_TOO_LONG:
    'Allow more with --max-duration, if the video is to be trusted; its timestamps may be damaged.',
  MEDIA_TOO_COSTLY: 'Allow more with --max-cpu, if the video is to be trusted.',
  MEDIA_TIMEOUT: 'Decoding made no progress; the file may be malformed, or the disk stalled.',
  CAMERA_UNREACHABLE: 'Check address, port and network; stanflow goes on trying.',
  CAMERA_AUTH: "Check the camera's user and the environment variable that holds its password.",
  CAMERA_NOT_FOUND: "Check the path in the camera's address.",
  CAMERA_ENDED: 'The camera or its network ended the stream; stanflow connects again by itself.',
  CAMERA_SILENT: 'The camera sent no picture for a while; stanflow connects again by itself.',
  CAMERA_FROZEN: 'The camera sent the same picture over and over; stanflow connects again by itself.',
  CAMERA_LATE: 'Pictures came ever later: decode less with --fps, --keyframes-only or --hwaccel.',
  CAMERA_CLOCK: "The stream's times jumped; stanflow connects again by itself.",
  CAMERA_FAILED: 'The message is what ffmpeg says of the stream.',
  HWACCEL_UNFIT:
    '`ffmpeg -hwaccels` lists what this ffmpeg can use; leave --hwaccel away to decode on the processor.',
  READER_MISSING: 'Install ffmpeg (apt-get install ffmpeg) or set FFMPEG_PATH, or use --reader node-av.',
  MODEL_NOT_FOUND:
    'Give a folder in the Hugging Face CLIP layout: config.json, model.safetensors, tokenizer.json.',
  MODEL_CONFIG: 'The folder must hold a CLIP with a ViT; see docs/models.md.',
  MODEL_WEIGHTS: 'The weights do not match the model; fetch them again, whole.',
  MODEL_UNSAFE:
    'A pickle may run any code, so only tensors are read. Save the weights alone: torch.save(model.state_dict(), "weights.pth").',
  MODEL_TOKENIZER: 'Copy tokenizer.json from the same model as the weights.',
  CALIBRATION_FAILED: 'Ask for less with --min-cosine, or use --precision bf16.',
  CALIBRATION_INVALID:
    'Make one for this model: stanflow models calibrate --model M videos/ --to ranges.json',
  HUB_UNREACHABLE:
    'Check the network, or name a mirror with --endpoint or HF_ENDPOINT; then run the same command again: it goes on where it stopped.',
  HUB_UNAUTHORIZED:
    'Check the name; for a private or gated model give a token with HF_TOKEN or --token (huggingface.co/settings/tokens).',
  HUB_FORBIDDEN: "Ask for access on the model's page, and use a token that may read it.",
  HUB_NOT_FOUND: 'Check owner, name and revision; names are case-sensitive.',
  HUB_REFUSED: 'The message is what the server says; check --endpoint.',
  HUB_CHECKSUM:
    'Nothing was kept of it. Run the same command again; if it happens again, the mirror or a proxy changes files.',
  HUB_OFFLINE: 'Unset STANFLOW_OFFLINE and HF_HUB_OFFLINE, or copy the cache of a machine that has it.',
  ENGINE_MISSING: 'Run `npm ci` again; the engine is part of the dependencies.',
  ENGINE_UNFIT: '`stanflow doctor` shows every engine, device and precision that works here.',
  ENGINE_FAILED: 'Try a smaller --batch.',
  INDEX_FRAMES:
    'Store them with `stanflow backfill --keep-frames`, take them in with `stanflow index --keep-frames`; or search without --rerank.',
  TRAIN_DIVERGED:
    'Lower the rate and begin anew in another --to folder. What was saved before it is kept; on motion scenes the same command with a lower rate goes on from that checkpoint.',
  OUTPUT_EXISTS: 'Give another --to, or --force to replace what is there.',
  OUTPUT_LOCKED: 'Wait for the other run, or give this one another --to folder.',
  OUTPUT_FULL: 'Free space on the disk, then run the same command again: it goes on where it stopped.',
  OUTPUT_PERMISSION: 'Give the user that runs stanflow permission to write there.',
  OUTPUT_WRITE: 'Check the disk and its permissions, then run the same command again.',
  OUTPUT_CORRUPT: 'Move the named file away and run the same command again.',
  S3_CREDENTIALS:
    'Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine or pod a role.',
  S3_FORBIDDEN: 'Inputs need s3:ListBucket and s3:GetObject; --to also s3:PutObject and s3:DeleteObject.',
  S3_REGION: "Give the bucket's own region with --s3-region or AWS_REGION.",
  S3_BUCKET_MISSING: 'Check its name and --s3-endpoint; stanflow makes no buckets.',
  S3_OBJECT_MISSING: 'It was deleted or renamed since it was listed; run again.',
  S3_ARCHIVED: 'Restore it from its archive storage class first, then run again.',
  S3_UNAVAILABLE:
    'Check --s3-endpoint and the network, then run the same command again: it goes on where it stopped.',
  S3_REFUSED: 'The message is what the server says; check the bucket and its settings.',
  CLIENT_MISSING:
    'Install it beside stanflow: npm install --ignore-scripts=false @confluentinc/kafka-javascript (see docs/kafka.md), or use --kafka-client kafkajs.',
  KAFKA_UNREACHABLE:
    'Check --brokers, that the broker runs, and that the address it advertises is reachable.',
  KAFKA_AUTH: 'Check --sasl, --sasl-username and the password in STANFLOW_SASL_PASSWORD.',
  KAFKA_TLS:
    'Check --tls and --tls-ca: the broker must speak TLS there, with a certificate that the CA vouches for.',
  KAFKA_FORBIDDEN:
    'Give the user rights (ACLs) on the topics, the group and the transactional ids that begin with it.',
  KAFKA_TOPIC_MISSING: 'Create the topics with `stanflow topics create`, or check --prefix.',
  KAFKA_SCHEMA: 'See src/connect/kafka/schemas for what a record holds; only compatible changes are taken.',
  KAFKA_REGISTRY: 'Check --registry and that the schema registry runs.',
  KAFKA_NO_REGISTRY: 'Name the schema registry with --registry: its URL, with the path that it serves at.',
  KAFKA_TOO_LARGE: "Raise the topic's max.message.bytes, or send fewer or smaller frames.",
  KAFKA_FULL: "The broker's disk is full or failed: free space there; stanflow goes on by itself.",
  KAFKA_FENCED: 'Another process holds the partition now; nothing of this one was committed.',
  KAFKA_UNCERTAIN:
    'The broker did not say in time whether it took the transaction; it is settled when work goes on.',
  KAFKA_FAILED: 'The message is what the broker says.',
  STOPPED: 'Nothing was begun; start it again when the broker is there.',
  INDEX_MISSING: 'Make one with `stanflow index --from OUT --to INDEX`, or check the place.',
  INDEX_MODEL:
    'Vectors of two models cannot be compared; `stanflow index models --to INDEX` shows what it has.',
  INDEX_FAILED: 'The message is what LanceDB says; run the same command again: it goes on where it stopped.',
  MESSAGE_QUARANTINED:
    'The process died while it worked on this message; look at it, then `stanflow retry` it.',
  MEDIA_OUTSIDE:
    'Start `stanflow serve` with --media FOLDER (or s3://bucket/prefix), so that the page may show what lies there.',
  SERVER_ADDRESS: 'Another process may have the port; choose another with --port, or another --host.',
  SERVER_TOKEN: 'Give the token that `stanflow serve` printed when it started, or that it was given.',
  SERVER_FORBIDDEN:
    'Open the page by the address that `stanflow serve` printed; a name of a proxy in front is given with --allow-host.',
  SERVER_NOT_FOUND: 'It may have been deleted or replaced since; load the page again.',
  SERVER_REQUEST: '/api/openapi.json says what is taken.',
  SERVER_BUSY: 'Wait a moment, then try again.',
  SEARCH_NOT_READY: 'Make an index with `stanflow index`, then start `stanflow serve` with --index.',
  WEBHOOK_SECRET:
    'Make one with: echo "whsec_$(openssl rand -base64 32)", and give it in the environment to both sides.',
  WEBHOOK_ADDRESS:
    'Webhooks go to public https addresses; one in a private network needs --webhook-private (`private: true`).',
  WEBHOOK_FAILED: 'Check the receiver, then `stanflow retry`: it is sent again to that receiver only.',
  UNHEALTHY: 'Its log says why; /readyz and /healthz there say it in a few words.',
  INTERNAL: 'This is a bug in stanflow; please report it with the command and this message.',
} as const

/** The closed set of codes. Scripts may match on them; messages may change. */
export type ErrorCode = keyof typeof CATALOGUE

export const ERROR_CODES = Object.keys(CATALOGUE) as readonly ErrorCode[]

/** The one error stanflow throws on purpose: a sentence, a code, what to do next, and what lay beneath. */
export class StanflowError extends Error {
  override readonly name = 'StanflowError'
  readonly code: ErrorCode
  readonly hint: string

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? CATALOGUE[code]
  }
}

/** Anything thrown, as a StanflowError: itself, or wrapped as `INTERNAL` with its message kept. */
export function asStanflowError(error: unknown): StanflowError {
  if (error instanceof StanflowError) return error
  return new StanflowError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
  })
}
