/** What the page keeps in the browser: lists and choices, as JSON. What cannot be read any more is forgotten. */

/**
 * @template T
 * @param {Pick<Storage, "getItem" | "setItem">} storage
 * @param {string} key
 * @param {T} otherwise what there is before anything was kept; what was kept must be of its kind
 * @returns {{ read: () => T, write: (value: T) => void }}
 */
export function keep(storage, key, otherwise) {
  return {
    read() {
      const text = storage.getItem(key);
      if (text === null) return otherwise;
      try {
        const value = JSON.parse(text);
        const isSameKind = value !== null && typeof value === typeof otherwise;
        return isSameKind && Array.isArray(value) === Array.isArray(otherwise) ? value : otherwise;
      } catch (error) {
        if (error instanceof SyntaxError) return otherwise;
        throw error;
      }
    },
    write: (value) => storage.setItem(key, JSON.stringify(value)),
  };
}
