// Imports go one way: cli → pipelines → operators → src/domain. Operators know no engine, media or connector.
const at = (...folders) => folders.map((folder) => `^${folder}(/|\\.ts$)`).join('|')
const rule = (name, from, notTo, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: notTo },
})

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'operators-know-only-the-domain',
      comment: 'Engines, media and connectors are handed to operators as arguments, in domain terms.',
      severity: 'error',
      from: { path: '^operators/' },
      to: { path: '^(src|pipelines|test)/', pathNot: '^src/(domain|errors)\\.ts$' },
    },
    rule(
      'domain-knows-nothing',
      at('src/domain', 'src/errors'),
      '^(src|operators|pipelines|test)/.*',
      'The shared nouns stand alone.',
    ),
    rule(
      'model-is-engine-free',
      '^src/model/',
      at('src/engine', 'src/media', 'src/connect', 'src/cli', 'pipelines', 'operators'),
      'The model is written once, for every engine.',
    ),
    rule(
      'engine-is-below',
      '^src/engine/',
      at('src/media', 'src/connect', 'src/cli', 'pipelines', 'operators'),
      'An engine runs models; it knows no video and no sink.',
    ),
    rule(
      'media-is-below',
      '^src/media/',
      at('src/engine', 'src/model', 'src/connect', 'src/cli', 'pipelines', 'operators'),
      'Media decodes; it knows no model and no sink.',
    ),
    rule(
      'connect-is-below',
      '^src/connect/',
      at('src/engine', 'src/model', 'src/media', 'src/cli', 'pipelines', 'operators'),
      'Connectors move domain nouns; they know no model and no decoder.',
    ),
    rule(
      'pipelines-below-cli',
      '^pipelines/',
      '^src/cli/',
      'The command line calls pipelines, not the other way round.',
    ),
    rule('product-without-tests', '^(src|operators|pipelines)/', '^test/', 'Tests are not shipped.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
}
