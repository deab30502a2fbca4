/* Counts what happened; enum counter says what there is. */
#pragma once

#include "maps.h"

INLINE void count(enum counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);
	if (value)
		*value += 1;
}
