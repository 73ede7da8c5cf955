/* SPDX-License-Identifier: MIT
 *
 * Registry. A plain array: at most 1,024 functions, and the child that runs a batch remembers the
 * last one it looked up. Names are checked as the broker will check them, so that it never has to
 * refuse a hello for one. */
#include "worker/registry.h"

#include "common/bounds.h"
#include "common/err.h"
#include "common/name.h"
#include "worker/words.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

void registry_init(struct registry *registry) {
    *registry = (struct registry){0};
}

void registry_fini(struct registry *registry) {
    for (uint32_t i = 0; i < registry->count; i++) {
        words_free(registry->entries[i].command);
    }
    free(registry->entries);
    free(registry->plugins);
    *registry = (struct registry){0};
}

const struct registry_entry *registry_find(const struct registry *registry, struct span name) {
    for (uint32_t i = 0; i < registry->count; i++) {
        if (span_equal(registry->entries[i].name, name)) {
            return &registry->entries[i];
        }
    }
    return NULL;
}

static bool registry_reserved(struct span name, const char *source) {
    static const char prefix[] = "wherry.";
    size_t size = sizeof prefix - 1;
    return strcmp(source, "built in") != 0 && name.size >= size &&
           memcmp(name.data, prefix, size) == 0;
}

static wherry_err registry_check(const struct registry *registry, struct span name,
                                 const char *source) {
    int size = (int)(name.size < 200 ? name.size : 200);
    const char *text = (const char *)name.data;
    if (!name_ok(name)) {
        return err_set(WHERRY_E_INVALID,
                       "%s: \"%.*s\" is no function name (1 to 128 of A-Za-z0-9._{}-)", source,
                       size, text);
    }
    if (registry_reserved(name, source)) {
        return err_set(WHERRY_E_INVALID, "%s: %.*s: names that begin with \"wherry.\" are built in",
                       source, size, text);
    }
    const struct registry_entry *other = registry_find(registry, name);
    if (other != NULL) {
        return err_set(WHERRY_E_INVALID, "%s: %.*s is already offered (%s)", source, size, text,
                       other->source);
    }
    if (registry->count == BOUND_FUNCTIONS) {
        return err_set(WHERRY_E_LIMIT, "%s: more than %d functions", source, BOUND_FUNCTIONS);
    }
    return WHERRY_OK;
}

static wherry_err registry_put(struct registry *registry, struct registry_entry entry) {
    wherry_err err = registry_check(registry, entry.name, entry.source);
    if (err != WHERRY_OK) {
        return err;
    }
    if (registry->count == registry->capacity) {
        uint32_t capacity = registry->capacity == 0 ? 16 : registry->capacity * 2;
        struct registry_entry *grown = realloc(registry->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return err_set(WHERRY_E_NO_MEMORY, "out of memory");
        }
        registry->entries = grown;
        registry->capacity = capacity;
    }
    registry->entries[registry->count++] = entry;
    return WHERRY_OK;
}

wherry_err registry_add(struct registry *registry, struct span name, wherry_function_run run,
                        const char *source) {
    return registry_put(registry,
                        (struct registry_entry){.name = name, .run = run, .source = source});
}

wherry_err registry_add_table(struct registry *registry, const wherry_function_table *table,
                              const char *source) {
    if (table->version != WHERRY_FUNCTION_TABLE_VERSION) {
        return err_set(WHERRY_E_INVALID, "%s: function table of version %u, this worker reads %d",
                       source, table->version, WHERRY_FUNCTION_TABLE_VERSION);
    }
    if (table->count > 0 && table->functions == NULL) {
        return err_set(WHERRY_E_INVALID, "%s: function table without functions", source);
    }
    for (uint32_t i = 0; i < table->count; i++) {
        const wherry_function *function = &table->functions[i];
        if (function->name == NULL || function->run == NULL) {
            return err_set(WHERRY_E_INVALID, "%s: function %u has no name or no code", source, i);
        }
        wherry_err err =
            registry_add(registry, span_of_text(function->name), function->run, source);
        if (err != WHERRY_OK) {
            return err;
        }
    }
    return WHERRY_OK;
}

wherry_err registry_add_command(struct registry *registry, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == NULL) {
        return err_set(WHERRY_E_INVALID, "%s: is not NAME=COMMAND", text);
    }
    char **words = NULL;
    wherry_err err = words_split(equals + 1, &words);
    if (err != WHERRY_OK) {
        char cause[64];
        strncpy(cause, wherry_last_error(), sizeof cause - 1);
        cause[sizeof cause - 1] = '\0';
        return err_set(err, "%s: %s", text, cause);
    }
    err = registry_put(
        registry, (struct registry_entry){.name = {(const uint8_t *)text, (size_t)(equals - text)},
                                          .command = words,
                                          .source = "--exec"});
    if (err != WHERRY_OK) {
        words_free(words);
    }
    return err;
}

static wherry_err registry_keep_plugin(struct registry *registry, void *handle) {
    void **grown =
        realloc(registry->plugins, (registry->plugin_count + 1) * sizeof *registry->plugins);
    if (grown == NULL) {
        return err_set(WHERRY_E_NO_MEMORY, "out of memory");
    }
    registry->plugins = grown;
    registry->plugins[registry->plugin_count++] = handle;
    return WHERRY_OK;
}

wherry_err registry_add_plugin(struct registry *registry, const char *path) {
    char here[4096];
    const char *exact = path;
    if (strchr(path, '/') == NULL && strlen(path) < sizeof here - 3) {
        here[0] = '.'; /* a bare name is a file, too; dlopen would search the library path */
        here[1] = '/';
        memcpy(here + 2, path, strlen(path) + 1);
        exact = here;
    }
    void *handle = dlopen(exact, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        return err_set(WHERRY_E_INVALID, "plugin %s does not load: %s", path, dlerror());
    }
    const wherry_function_table *table = dlsym(handle, "wherry_plugin");
    if (table == NULL) {
        dlclose(handle);
        return err_set(WHERRY_E_INVALID,
                       "plugin %s has no function table: it must use WHERRY_PLUGIN once", path);
    }
    wherry_err err = registry_keep_plugin(registry, handle);
    return err == WHERRY_OK ? registry_add_table(registry, table, path) : err;
}
