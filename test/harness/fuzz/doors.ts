import type { Door } from './door.js'
import { AVRO_DOORS } from './doors/avro.js'
import { BROKER_DOOR } from './doors/broker.js'
import { FILE_DOORS } from './doors/files.js'
import { HTTP_DOOR } from './doors/http.js'
import { RTSP_DOOR } from './doors/rtsp.js'
import { VIDEO_DOOR } from './doors/videos.js'

/** Every way by which something from outside comes in. */
export const DOORS: readonly Door[] = [
  VIDEO_DOOR,
  HTTP_DOOR,
  RTSP_DOOR,
  ...FILE_DOORS,
  ...AVRO_DOORS,
  BROKER_DOOR,
]
