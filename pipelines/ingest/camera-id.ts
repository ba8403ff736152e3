/** `camera:door` → `door` */
export const cameraId = (source: string): string => source.replace(/^camera:/, '')
