// How `npm run docs:api` makes docs/api of the docstrings. What it writes depends on nothing else: on no commit, line
// number, path or version.
import { Converter, ReflectionKind } from 'typedoc';
import { MarkdownPageEvent } from 'typedoc-plugin-markdown';

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'API reference',
  entryPoints: ['lib/index.ts', 'lib/sandbox/index.ts'],
  tsconfig: 'tsconfig.json',
  // `npm run types` checks the code.
  skipErrorChecking: true,
  out: 'docs/api',
  plugin: ['typedoc-plugin-markdown', hooks],

  // A page for each class, interface and type, named after it.
  router: 'member',
  readme: 'none',
  includeVersion: false,
  disableSources: true,
  hidePageHeader: true,
  hideGenerator: true,
  githubPages: false,
  indexFormat: 'table',
  enumMembersFormat: 'table',
  // Not as lists: the heading of a parameter would take the anchor of a member with its name.
  parametersFormat: 'table',
  typeDeclarationFormat: 'table',
  expandObjects: true,

  excludeInternal: true,
  // What classes inherit from Node and the language.
  excludeExternals: true,
  // The constructors of the errors, which the docstring of FreezeError says are no part of the interface.
  excludeNotDocumented: true,
  excludeNotDocumentedKinds: ['Constructor', 'ConstructorSignature'],

  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: { notDocumented: true, notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true },
  // What has it says what it is.
  intentionallyNotDocumented: ['freeze-state/sandbox.SandboxOptions.confirm.__type.timeout'],
};

function hooks(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, keepType);
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, wantOwnDocstring);
  app.renderer.on(MarkdownPageEvent.END, linkManual);
}

/**
 * Shows the type of a property as it was declared. TypeDoc asks the compiler for it, and that gives the members of a union
 * in an order that other code decides, and for `typeof spawn` all overloads, with what Node says of each.
 */
function keepType(context, reflection) {
  const type = context.getSymbolFromReflection(reflection)?.valueDeclaration?.type;
  if (type === undefined || !reflection.kindOf(ReflectionKind.Property)) return;
  context.project.removeTypeReflections(reflection.type);
  reflection.type = context.converter.convertType(context.withScope(reflection), type);
}

/** TypeDoc gives a class without a docstring that of the class above it. */
function wantOwnDocstring(context, reflection) {
  if (reflection.kindOf(ReflectionKind.ClassOrInterface) && !reflection.hasComment())
    context.logger.validationWarning(`${reflection.getFriendlyFullName()} has no docstring of its own`);
}

/** Docstrings name a page of the manual by its path in the package, since an editor could follow no link. */
function linkManual(page) {
  const docs = '../'.repeat(page.url.split('/').length);
  page.contents = page.contents.replace(/\bdocs\/([\w-]+\.md)\b/g, `[docs/$1](${docs}$1)`);
}
