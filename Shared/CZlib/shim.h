#pragma once
#include <zlib.h>

/// `deflateInit2` is a macro, which Swift does not see: gzip's own header and checksum, the library's default memory.
static inline int martlet_gzip_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
