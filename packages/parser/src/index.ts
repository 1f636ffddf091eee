export { type ParserConfig, parserConfig } from './config.ts'
export { loadDocument } from './document.ts'
export { DEFAULT_MAX_LINKS, type PageHeaders, type PageInput, type ParsedPage, parsePage } from './parse-page.ts'
export { type ParserParts, runParser } from './parser.ts'
