#ifndef MARTLET_CSODIUM_SHIM_H
#define MARTLET_CSODIUM_SHIM_H

#include <sodium.h>

#endif
