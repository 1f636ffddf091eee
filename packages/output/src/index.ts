export type { CatalogCursor, CatalogRow } from './catalog-row.ts'
export { type PageRecord, pageRecord } from './page-record.ts'
export { openPagesFile, type PagesFile, type PagesFileOptions } from './pages-file.ts'
