#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>

// Typed forms of libcurl's variadic functions, which Swift cannot call. Nothing else.

CURLcode dcurl_set_long(CURL *easy, CURLoption option, long value);
CURLcode dcurl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
CURLcode dcurl_set_text(CURL *easy, CURLoption option, const char *value);
CURLcode dcurl_set_pointer(CURL *easy, CURLoption option, const void *value);
CURLcode dcurl_set_list(CURL *easy, CURLoption option, struct curl_slist *value);
CURLcode dcurl_set_reader(CURL *easy, curl_read_callback function, void *context);
CURLcode dcurl_set_seeker(CURL *easy, curl_seek_callback function, void *context);
CURLcode dcurl_set_writer(CURL *easy, curl_write_callback function, void *context);
CURLcode dcurl_set_header_writer(CURL *easy, curl_write_callback function, void *context);
CURLcode dcurl_set_opener(CURL *easy, curl_opensocket_callback function, void *context);
CURLcode dcurl_set_closer(CURL *easy, curl_closesocket_callback function, void *context);

/// The value, or `otherwise` when libcurl does not know it.
long dcurl_info_long(CURL *easy, CURLINFO info, long otherwise);
curl_off_t dcurl_info_offset(CURL *easy, CURLINFO info, curl_off_t otherwise);

/// Whether this libcurl knows the system's authorities as one file.
int dcurl_has_bundle(void);

CURLMcode dcurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
CURLMcode dcurl_multi_set_watcher(CURLM *multi, curl_socket_callback function, void *context);
CURLMcode dcurl_multi_set_timer(CURLM *multi, curl_multi_timer_callback function, void *context);

#endif
