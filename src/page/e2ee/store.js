// Stores for keys: a browser's IndexedDB, or memory.
//
// Values are structured clones, so that IndexedDB keeps a non-extractable key as one. An update is one
// transaction, so two tabs cannot overwrite each other's changes.

/**
 * @typedef {object} Store
 * @property {(name: string) => Promise<any>} get `undefined` if there is no value
 * @property {(name: string, change: (old: any) => any) => Promise<any>} update stores what `change`
 *   returns for the old value, and returns it; `change` must be synchronous; `undefined` deletes
 */

/** Keeps values until the page is closed. @returns {Store} */
export function memoryStore() {
  const values = new Map();
  return {
    async get(name) {
      return values.get(name);
    },
    async update(name, change) {
      const value = change(values.get(name));
      if (value === undefined) values.delete(name);
      else values.set(name, value);
      return value;
    },
  };
}

const TABLE = "keys";

/**
 * Keeps values until the browser's data of this origin is cleared.
 * @param {string} name of the database
 * @returns {Promise<Store>} rejects where the browser blocks storage, as in some private windows
 */
export async function indexedDbStore(name) {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const database = await settled(opening);
  database.onversionchange = () => database.close(); // it is being deleted
  return {
    get(key) {
      return settled(database.transaction(TABLE).objectStore(TABLE).get(key));
    },
    update(key, change) {
      const transaction = database.transaction(TABLE, "readwrite");
      const table = transaction.objectStore(TABLE);
      return new Promise((resolve, reject) => {
        let value;
        const reading = table.get(key);
        reading.onsuccess = () => {
          try {
            value = change(reading.result);
            if (value === undefined) table.delete(key);
            else table.put(value, key);
          } catch (error) {
            transaction.abort();
            reject(error);
          }
        };
        transaction.oncomplete = () => resolve(value);
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
    },
  };
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
