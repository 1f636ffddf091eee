export { loadDocument } from './document.ts'
export { DEFAULT_MAX_LINKS, type PageHeaders, type PageInput, type ParsedPage, parsePage } from './parse-page.ts'
