// Everything the library needs is callable as it stands; a C target must have one source.
#include "COpenSSL.h"
