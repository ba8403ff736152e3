import { CAMERAS, COLOUR_NAMES, MOTIONS, SHAPES, SIZE_NAMES, TEXTURES } from './vocabulary.js'

/** Every word that captions are made of, and what people put around them. */
export function sceneWords(): ReadonlySet<string> {
  const around = 'a an and the of is two things something object objects video clip picture with on in to'
  const phrases = [
    ...Object.values(MOTIONS).flat(),
    ...Object.values(CAMERAS),
    ...COLOUR_NAMES,
    ...SHAPES,
    ...SIZE_NAMES,
    ...TEXTURES,
    around,
  ]
  return new Set(phrases.flatMap((phrase) => phrase.split(' ')))
}
