// Made once with PyJWT and cryptography; the private keys are gone. Issued 2026-01-15T08:29:00Z, good until 09:30:00Z.
enum Tokens {
    static let keys = #"""
        {
         "keys": [
          {
           "kty": "RSA",
           "kid": "rsa",
           "n": "vCUANnDhCU5PogB-VuKuNjn0DQkcGVHqJikk2enqh1CB4mjSYwaveKmZUL_xiWbU1_m0UaMOdaOgPeXzjaOcgLL2PGqJ9uXg2aEvj4tNWZg8rtRsUdEJNWZkpdrn_axixEtbZzcCGccfDbg7fIOays3y0FfKdLun_GucK9BH7mpWDoq2krbRtr7vI7dJ5E4j2MwaUuiw3qRE6tHpG15Uai_bmogPUlmNVzVcTMYWPNxRa6MNfCqeyjcsQ2sdSdf063Bt2CIQuDa4Dx9f-ybzJd_1v2hRqo3G-Bgkbj9jENiFOcqR3xk9Abpn4M5glrl8Iz86RlrzPqn_CV_qxXWGjw",
           "e": "AQAB",
           "use": "sig",
           "alg": "RS256"
          },
          {
           "kty": "RSA",
           "kid": "small",
           "n": "3-QnJ5bnJ1SH6X9Gx1FBjqkjtV72aNoWiVV-W0_3IzW5e3cYef6cwn_jogMBoZjQViWr1sG2Zssxj2x4r1eAXBScUURviX4AG6exkZ8YpzVeTVwYtwvwSFUVfurvKI57535rbcJ5EVKeJe3l2fc2aFKUHk7rwfwgtX_OllkdyY8",
           "e": "AQAB"
          },
          {
           "kty": "EC",
           "crv": "P-256",
           "kid": "ec",
           "x": "PVtBLKwwZVH93DGCnsORxeIy9gf6gIN8gN8yDBiwh6Q",
           "y": "elaOLxITDkEwCUqdI-He5EZSXL0xvMlukzYPOsexj-s"
          },
          {
           "kty": "OKP",
           "crv": "Ed25519",
           "kid": "ed",
           "x": "czbiPS1k800HyTV1XKw0YYuFG_nRJUlN7M1Ku1lBudY",
           "alg": "EdDSA"
          },
          {
           "kty": "RSA",
           "kid": "for-encryption",
           "n": "qpx8TbxfFlogaD7RZ5oKh0dY-sstb-cBFbH-Xji7dxXxA9XKXycC7ijK5NqmMO6wxPMu3-VCDVMc1fydM2nSJD92kd4sjvlQpsmfznupHUExn2saGPZSlOTPn-NdccVp84E443im7zxrA0lHYnLXEDNXPsrhMItU6AG6Xg98x4o80JUpETyi8dpthvninumNfT32CeKW2mt2dvjc6w3QTZq4G4e5uYWSihWRIGLSoXM2ooR91lzvjnFYxZ1dR1PHz7AsCe_jLA9twpDhWspkWB7RZs8kMKWu5twnv7xvA9TJ9CR0axSfpmgP2zQyUqlozoc6L9BnElm5rUryPB0dKQ",
           "e": "AQAB",
           "use": "enc"
          },
          {
           "kty": "oct",
           "kid": "shared",
           "k": "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA",
           "alg": "HS256"
          },
          {
           "kty": "PQ",
           "kid": "of-tomorrow"
          }
         ]
        }
        """#
    static let rs256 =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.lQU0eBgHJJmEX04oYF4Fbhkd4L31IibYREFkxf2MC3pDGrrxXrXU-R-kZmI3MXo7kX5gHCw7845yHx-pdnESQplBSWOkOISkRMx66EuUqlUjMj076Wc47EY724qKhf1qdgZAz_Uw9AU_wMpD6Vlks9CljNz9m33zPhHAenCP79WwHKjQ0MFiD7g5t93mSViOahZjU70-ikT4sD57O5dufuIa6ugeQwruGWfJN0NS6PEiR12S-Bq-qCGWZ-xG9E3zRbuAop4_5k0QvygxLgiT4ZwH8PEK-DLiRVuhA0HOaC2SAKAGjAYd1Y8VZl-f14XUuD9sYk4KONEvFMd6WjIcFg"
    static let es256 =
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.3EQp8Utvx92ISx1ia_TvozFxR609SXGmQZs5v0cI1sRH-Y4SKaKBtreuT-XM7LnLy5I8Cx0k_3BC-sEeACRNVQ"
    static let edDSA =
        "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.ioKXubPtihGB2b_IQJ4i3b7lS1feFF5zPzdLWPWUarM21T9ikFGuh5R0CHb-_S45wobY-6R6wqO8V91jCX0UCQ"
    static let rs256WithoutKeyID =
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.progWVsb4Qe4n9KxkQY9jrH5OwuwD_yHrPXFxfrNwPDJa148i335oA8AGuwtS_No1fCOQNK-Zg_5FVyP3zNfNhTNdJMDp5-Cr7G1nmM_oJ-umPdM_9b_gazMbBFHzcOqaNh52kOU6E5mEoS8i5uWkwXSd0VByyaTKOvYsNhfIqRSi5hntt-XVwZxPqfvTJ1QPU0DrdmxFD6MGmvFU3FyUgtmKoBIAibPkqfae77h-f93eCzE_qx3NxNIPo5kRtJ-FzO_8zCFMZqWiiHNgpadu2Nh5abUsd3asq-4Hbq69Dh_PEFzakR12-QcQkDTjUdqDKF3UyLjYx17I7jVjsUBDA"
    /// Of a key that is not in the set.
    static let ofNextWeek =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9mLW5leHQtd2VlayIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.F8eVNAgITzP35gC_tOzA2cYVZ8wu-F93ulTWJa_Ak5pe4CxI9f2cjCjhrJpVxUY3m9oF760IsCz_PJNSVRVqFwXQedYH136_AyoSUueyItPBYfV0juue45UBSRPu5Igbc4Ipez-Unobn-rxuuLWB1tjVybcGIfKXvML8h30fUZ4A9DFX95-wKqV8b-qbjWR48rCLh4uoSliR1hffxkdcEoOlyNY5RWRniDkX4h3FKdIoejIpIOdThGJI6qzFhQ41AXgGg3kFVkcL7CM-UdVNMwbv1eEgfMS_VypLJEbPDUFBBUgtAMTZcPbPtnpsiaEDVlwu9UpQMfbQaYnAtRRlkQ"
    static let nextWeeksKeys = #"""
        {"keys": [{"kty": "RSA", "kid": "of-next-week", "n": "qpx8TbxfFlogaD7RZ5oKh0dY-sstb-cBFbH-Xji7dxXxA9XKXycC7ijK5NqmMO6wxPMu3-VCDVMc1fydM2nSJD92kd4sjvlQpsmfznupHUExn2saGPZSlOTPn-NdccVp84E443im7zxrA0lHYnLXEDNXPsrhMItU6AG6Xg98x4o80JUpETyi8dpthvninumNfT32CeKW2mt2dvjc6w3QTZq4G4e5uYWSihWRIGLSoXM2ooR91lzvjnFYxZ1dR1PHz7AsCe_jLA9twpDhWspkWB7RZs8kMKWu5twnv7xvA9TJ9CR0axSfpmgP2zQyUqlozoc6L9BnElm5rUryPB0dKQ", "e": "AQAB"}]}
        """#
    static let forged: [(what: String, token: String)] = [
        (
            "another payload under the signature",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiBbImRhdml0IiwgIm90aGVyIl0sICJzdWIiOiAiY2FtZXJhLTgiLCAiaWF0IjogMTc2ODQ2NTc0MCwgImV4cCI6IDE3Njg0Njk0MDAsICJncm91cHMiOiBbImNhbWVyYXMiLCAibmlnaHQiXSwgInJlYWxtIjogeyJyb2xlcyI6IFsidXBsb2FkZXIiXX0sICJzaXRlIjogIkhhbmd6aG91IDEifQ.lQU0eBgHJJmEX04oYF4Fbhkd4L31IibYREFkxf2MC3pDGrrxXrXU-R-kZmI3MXo7kX5gHCw7845yHx-pdnESQplBSWOkOISkRMx66EuUqlUjMj076Wc47EY724qKhf1qdgZAz_Uw9AU_wMpD6Vlks9CljNz9m33zPhHAenCP79WwHKjQ0MFiD7g5t93mSViOahZjU70-ikT4sD57O5dufuIa6ugeQwruGWfJN0NS6PEiR12S-Bq-qCGWZ-xG9E3zRbuAop4_5k0QvygxLgiT4ZwH8PEK-DLiRVuhA0HOaC2SAKAGjAYd1Y8VZl-f14XUuD9sYk4KONEvFMd6WjIcFg"
        ),
        (
            "signature of another key",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.aF6zfzLmLGeGBCbmZk8Q3Vf6rEyzazsSIgKJ7vVeqDH-3SkHPC-dQPsUg4OUE9MKLOjE6lzLZVxzyptXSAln6g__P5L7fbIuhps3ybswAajwx4Vwmt9cla5Hu8umh_GQF2D5uhCjL7HwjMhrgzl5fClLNYCAbs2cblypmRQEQ1ZlxYoBnjSsuQuYzj1amQZI9_QlyS3-bbceTQCfF2E_6jq_3MphcTy7LHgaR94FHBIpWtGZJdQ2IjCGxYotojJLFSiTo0Gu7a8Dr1d9WaPQT15YVmNzX7rgUJohXoYjF1wvGV_7NmX7JEs-xfCilgtXU3yrUYS33Wjfu27N_ziR2Q"
        ),
        (
            "a key that is for encryption",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImZvci1lbmNyeXB0aW9uIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.WKLfgN3ONyvYhxguVCKTHYo0ugh5845nMjTHXKlGH5Ae1RTIYvJdFJmwj22IcWVQZcvQTTP6lBYsR0zQT4b5PfQFperf1dIRZ6GgJ9OtCmPv-0goZeiqt2coFxMUtDDpl6hAQSB9TRhOtDjQm4xJpadXOMBXAFHDU1nsO0_jaZ6vPEknsx8HymgMg2f5c0UAD3qRfxg1CWwS54-SBQe4X_Lk_dm8D7ZkkYsHNg_603y95T04Wyiu_8xQhnuNjgKV0QWJ9_kBEifxiAjEABa38t-0kV96kDHy-Xtoa6nnbi3kSd3yu2WNm2LINh9aEQ8b2KmL5xfT5chYf2Hkqi-ysQ"
        ),
        (
            "an RSA key of 1,024 bits",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InNtYWxsIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.XdwLWN_mYHPM3mhpvzSaOTnfMrcJesEk8ZR3UCx8CwZjjocExSNKr9Q0cC-lWiLSPs43ws3wH-5nuTHXN8BSoa8hZJI8lfI1F4lPb9vITZp8qEZjcmhc9SjnQkAq540hSdQ3M57mT25hnl3--rl_wiCADn2iOkij2YQC3sCWmG4"
        ),
        (
            "RS384 with the key of RS256",
            "eyJhbGciOiJSUzM4NCIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.R_t5hx5Ju4YEXug9F0EwBK1vqvDlUVAXT1pKOBB3weAellP58kp30e6FwkRW1HwbN1RUzlGMTe31UvGZ3orcFbpFiYodHx8Mig0nvn8PfI5nuBSna9LNjPnIm9C01k9nixpjouBm52h3i8jt8gdrGebjS50XOSDgZ1k-ndznttpHmf4bMpSXh_taFkoSM8X5d7xP3DVrllEvSMjljoUjdf3kP1W8L_-gvsCNYpXdony1tfoR9JRjcbt0o1mecxK0FiQY4IgFK3ZarppL_q9Yql--Jz1x5W5O3Rb8lrdbdEm2e92ANEvbj_hjjr0q_yArplrcLScAA0G0cXMLM1hjzg"
        ),
        (
            "PS256 with the key of RS256",
            "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.iFm-bcEJ4dRHVrFZ1fGcf-qvIJVCvh00Csj96V906FzMJMXHGxJB1rGzVP9wbM_YDlDaBfydSfnDPCMtyEemOz-tK0e_Z17jWsoHJEXPLyr0FyJMjUVkwKRbpNJ5dlbTpsNzgXIOIyWCTCChBCnByssch-EwEvX6tEvVCe7lNcXsNRISJQWFQKXLtyK2YBANVLl32K1yLOZFronEU_cHBDGWt4T_SLgE7pIlygfNHS7vu6wUOT_QV4tDixdRsWcMvnezzEONka8BgEkZSe7skW0x6fNL_DKTnSJAiG7fdx5qTcfaWp93jGv5YhMqC3dtPB-4jnZ_ax3YynZ1bexsdQ"
        ),
        (
            "none",
            "eyJhbGciOiAibm9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ."
        ),
        (
            "none with a signature",
            "eyJhbGciOiAibm9uZSIsICJraWQiOiAicnNhIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.lQU0eBgHJJmEX04oYF4Fbhkd4L31IibYREFkxf2MC3pDGrrxXrXU-R-kZmI3MXo7kX5gHCw7845yHx-pdnESQplBSWOkOISkRMx66EuUqlUjMj076Wc47EY724qKhf1qdgZAz_Uw9AU_wMpD6Vlks9CljNz9m33zPhHAenCP79WwHKjQ0MFiD7g5t93mSViOahZjU70-ikT4sD57O5dufuIa6ugeQwruGWfJN0NS6PEiR12S-Bq-qCGWZ-xG9E3zRbuAop4_5k0QvygxLgiT4ZwH8PEK-DLiRVuhA0HOaC2SAKAGjAYd1Y8VZl-f14XUuD9sYk4KONEvFMd6WjIcFg"
        ),
        (
            "None",
            "eyJhbGciOiAiTm9OZSIsICJraWQiOiAicnNhIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.lQU0eBgHJJmEX04oYF4Fbhkd4L31IibYREFkxf2MC3pDGrrxXrXU-R-kZmI3MXo7kX5gHCw7845yHx-pdnESQplBSWOkOISkRMx66EuUqlUjMj076Wc47EY724qKhf1qdgZAz_Uw9AU_wMpD6Vlks9CljNz9m33zPhHAenCP79WwHKjQ0MFiD7g5t93mSViOahZjU70-ikT4sD57O5dufuIa6ugeQwruGWfJN0NS6PEiR12S-Bq-qCGWZ-xG9E3zRbuAop4_5k0QvygxLgiT4ZwH8PEK-DLiRVuhA0HOaC2SAKAGjAYd1Y8VZl-f14XUuD9sYk4KONEvFMd6WjIcFg"
        ),
        (
            "HS256 by the public key",
            "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogInJzYSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.BuhcfCC83VsLQIzP_MVG-vP2qjkMpYEm2Bz4-na9Kjs"
        ),
        (
            "HS256 by a shared key of the set",
            "eyJhbGciOiAiSFMyNTYiLCAia2lkIjogInNoYXJlZCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.YJI25cP40GzvZJwF4AAlMw63eCcIGvrZf7JhCZuI-E8"
        ),
        (
            "the EC signature under an RSA header",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.3EQp8Utvx92ISx1ia_TvozFxR609SXGmQZs5v0cI1sRH-Y4SKaKBtreuT-XM7LnLy5I8Cx0k_3BC-sEeACRNVQ"
        ),
        (
            "an extension that must be understood",
            "eyJhbGciOiJSUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il0sImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9..U19bcio5tkeHye4l2tuNXH88Z3Vm2CgCbJfS0aquUxONThHp7PXfSKI_sWHe7aBBwbaOA1gbjgHhAGqhN7aSDqTpBLQqChIhzeMs0vGQNu6f3dvdSw3ADiE6Ulxt3CqUskwi6_udsuSf8V9O7ITeiJLswY3wG6OSBirzuIlYE2L0HmKasm4ZDoWXwfjgfcIIljaCZ3NDT5Alk1madGphB7hXpJW97SePc28ilugVU26E6-isGXUR4aXj1BUkOl1-tFlI8QVfdocwJ_43kkw7wQav3nGOwfKbTp24_-nPbp2uEBIrBu3tx5YwTH8Evgy8_XiJvjolOHeUbA06yRHWaA"
        ),
        (
            "a key that comes with the token",
            "eyJhbGciOiAiUlMyNTYiLCAiandrIjogeyJrdHkiOiAiUlNBIiwgImtpZCI6ICJvd24iLCAibiI6ICJxcHg4VGJ4ZkZsb2dhRDdSWjVvS2gwZFktc3N0Yi1jQkZiSC1Yamk3ZHhYeEE5WEtYeWNDN2lqSzVOcW1NTzZ3eFBNdTMtVkNEVk1jMWZ5ZE0yblNKRDkya2Q0c2p2bFFwc21mem51cEhVRXhuMnNhR1BaU2xPVFBuLU5kY2NWcDg0RTQ0M2ltN3p4ckEwbEhZbkxYRUROWFBzcmhNSXRVNkFHNlhnOTh4NG84MEpVcEVUeWk4ZHB0aHZuaW51bU5mVDMyQ2VLVzJtdDJkdmpjNnczUVRacTRHNGU1dVlXU2loV1JJR0xTb1hNMm9vUjkxbHp2am5GWXhaMWRSMVBIejdBc0NlX2pMQTl0d3BEaFdzcGtXQjdSWnM4a01LV3U1dHdudjd4dkE5VEo5Q1IwYXhTZnBtZ1AyelF5VXFsb3pvYzZMOUJuRWxtNXJVcnlQQjBkS1EiLCAiZSI6ICJBUUFCIn19.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.AAdoFXHHYQvjK-_NSi3QvTV5XkhJvuU6Jn0fchpVJrtlJLRaPOwzWBMNuTPFQH9jdzMVSVI9CdexbFT8G6tyKQN6OCG9C3259BB0gNZ7l8vwhXH5A4WvnZ9EH8YHaBZMl6zHKHrwM5wUhh1AETpMZ_XCHO90z0A9ihd1Sjn2GGpRI10TxKnFG-dmM5rY6doUPJ6E54gDblvllBcbF-UqDzQmWt9LM3CJbreuQFkh6400WzocIxJ9R_cidx54qBWkRu1H8aRVCIvAbXGD03Onzgj05kwmXAVWlggXvXaOC9l9TP4uODYyey17fAj4ojjorcjdqHCjTuR9Y1OwsUxqJg"
        ),
        (
            "an empty signature",
            "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ."
        ),
        (
            "zeros for an EC signature",
            "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXVkIjpbImRhdml0Iiwib3RoZXIiXSwic3ViIjoiY2FtZXJhLTciLCJpYXQiOjE3Njg0NjU3NDAsImV4cCI6MTc2ODQ2OTQwMCwiZ3JvdXBzIjpbImNhbWVyYXMiLCJuaWdodCJdLCJyZWFsbSI6eyJyb2xlcyI6WyJ1cGxvYWRlciJdfSwic2l0ZSI6Ikhhbmd6aG91IDEifQ.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        ),
    ]
}
