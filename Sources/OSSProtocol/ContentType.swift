/// What an object's bytes are by its name, as the official SDKs guess it too, for orders that do not say.
///
/// Source: `/etc/mime.types` of Debian's media-types 10.0.0 (2023-02, public domain), without what only the older mail world or one
/// chemistry program writes; with types of data, archives and cameras that it does not list (IANA's registry and the formats' own pages,
/// 2026-11).
public enum ContentType {
    public static let unknown = "application/octet-stream"

    /// Of the last extension of the name, whatever the case of its letters; `unknown` where nobody can tell.
    public static func of(_ name: ObjectKey) -> String { of(name.utf8) }

    public static func of(_ name: some BidirectionalCollection<UInt8>) -> String {
        var suffix: [UInt8] = []
        for byte in name.reversed() {
            if byte == UInt8(ascii: ".") { return table[String(decoding: suffix.reversed(), as: UTF8.self)] ?? unknown }
            guard byte != UInt8(ascii: "/"), suffix.count < longest else { break }
            suffix.append((65...90).contains(byte) ? byte | 0x20 : byte)
        }
        return unknown
    }

    /// Bytes of the longest extension below.
    static let longest = 25

    static let table: [String: String] = {
        var table: [String: String] = [:]
        for line in lines.split(separator: "\n") {
            let words = line.split(separator: " ")
            for word in words.dropFirst() { table[String(word)] = String(words[0]) }
        }
        return table
    }()

    /// A type, and the extensions that mean it.
    private static let lines = """
        application/A2L a2l
        application/CDFX+XML cdfx
        application/CEA cea
        application/DII dii
        application/DIT dit
        application/LXF lxf
        application/MF4 mf4
        application/andrew-inset ez
        application/annodex anx
        application/atom+xml atom
        application/atomserv+xml atomsrv
        application/atsc-dwd+xml dwd
        application/atsc-held+xml held
        application/atsc-rsat+xml rsat
        application/auth-policy+xml apxml
        application/automationml-amlx+zip amlx
        application/bacnet-xdd+zip xdd
        application/bbolin lin
        application/calendar+xml xcs
        application/clr 1clr
        application/clue_info+xml clue
        application/cms cmsc
        application/csrattrs csrattrs
        application/cu-seeme cu
        application/cwl cwl
        application/dash+xml mpd
        application/dashdelta mpdd
        application/dicom dcm
        application/dsptype tsp
        application/dssc+der dssc
        application/dssc+xml xdssc
        application/dvcs dvc
        application/efi efi
        application/epub+zip epub
        application/exi exi
        application/express exp
        application/fastinfoset finf
        application/fdf fdf
        application/fdt+xml fdt
        application/font-tdpfr pfr
        application/futuresplash spl
        application/geo+json geojson
        application/geopackage+sqlite3 gpkg
        application/gltf-buffer glbin glbuf
        application/gml+xml gml
        application/gzip gz tgz
        application/hta hta
        application/hyperstudio stk
        application/ipfix ipfix
        application/java-archive ear jar war
        application/java-serialized-object ser
        application/java-vm class
        application/jrd+json jrd
        application/json json
        application/json-patch+json json-patch
        application/jsonl jsonl
        application/ld+json jsonld
        application/lgr+xml lgr
        application/link-format wlnk
        application/lpf+zip lpf
        application/m3g m3g
        application/mac-binhex40 hqx
        application/mac-compactpro cpt
        application/manifest+json webmanifest
        application/mathematica ma mb
        application/mathml+xml mml
        application/mbox mbox
        application/metalink4+xml meta4
        application/mmt-aei+xml maei
        application/mmt-usd+xml musd
        application/mp21 m21 mp21
        application/msaccess mdb
        application/msword doc dot
        application/mxf mxf
        application/ocsp-request orq
        application/ocsp-response ors
        application/octet-stream bin dat deploy dmp img msp msu pak raw
        application/oebps-package+xml opf
        application/ogg ogx
        application/onenote one onepkg onetmp onetoc2
        application/oxps oxps
        application/p21 210 ifc p21 stpnc
        application/pdf pdf
        application/pem-certificate-chain pem
        application/pgp-encrypted pgp
        application/pgp-keys asc key
        application/pgp-signature sig
        application/pics-rules prf
        application/postscript ai eps eps2 eps3 epsf epsi ps
        application/provenance+xml provx
        application/pskc+xml pskcxml
        application/rdf+xml rdf
        application/relax-ng-compact-syntax rnc
        application/rfc+xml rfcxml
        application/rtf rtf
        application/sarif+json sarif
        application/sarif-external-properties+json sarif-external-properties
        application/scvp-cv-request scq
        application/scvp-cv-response scs
        application/scvp-vp-request spq
        application/scvp-vp-response spp
        application/sdp sdp
        application/sgml-open-catalog soc
        application/sieve sieve siv
        application/simple-filter+xml cl
        application/smil+xml smi smil sml
        application/sql sql
        application/stix+json stix
        application/swid+cbor coswid
        application/swid+xml swidtag
        application/td+json jsontd
        application/tei+xml odd tei teicorpus
        application/tm+json jsontm
        application/toml toml
        application/trig trig
        application/vnd.adobe.flash.movie swf
        application/vnd.android.package-archive apk
        application/vnd.apache.avro avro
        application/vnd.apache.orc orc
        application/vnd.apache.parquet parquet
        application/vnd.apple.installer+xml dist distz mpkg pkg
        application/vnd.apple.keynote keynote
        application/vnd.apple.mpegurl m3u8
        application/vnd.apple.numbers numbers
        application/vnd.apple.pages pages
        application/vnd.dbf dbf
        application/vnd.debian.binary-package ddeb deb udeb
        application/vnd.google-earth.kml+xml kml
        application/vnd.google-earth.kmz kmz
        application/vnd.las las
        application/vnd.las.las+json lasjson
        application/vnd.laszip laz
        application/vnd.lotus-1-2-3 123 wk1 wk3 wk4
        application/vnd.mapbox-vector-tile mvt
        application/vnd.mozilla.xul+xml xul
        application/vnd.ms-cab-compressed cab
        application/vnd.ms-excel xla xlc xlm xls xlt xlw
        application/vnd.ms-fontobject eot
        application/vnd.ms-htmlhelp chm
        application/vnd.ms-powerpoint pps ppt
        application/vnd.ms-project mpp mpt
        application/vnd.ms-xpsdocument xps
        application/vnd.oasis.opendocument.chart odc
        application/vnd.oasis.opendocument.formula odf
        application/vnd.oasis.opendocument.graphics odg
        application/vnd.oasis.opendocument.image odi
        application/vnd.oasis.opendocument.presentation odp
        application/vnd.oasis.opendocument.spreadsheet ods
        application/vnd.oasis.opendocument.text odt
        application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
        application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
        application/vnd.openxmlformats-officedocument.presentationml.template potx
        application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
        application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
        application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
        application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
        application/vnd.rar rar
        application/vnd.shp shp
        application/vnd.shx shx
        application/vnd.sqlite3 sqlite sqlite3
        application/vnd.tcpdump.pcap cap pcap
        application/vnd.visio vsd vss vst vsw
        application/voucher-cms+json vcj
        application/wasm wasm
        application/widget wgt
        application/x-123 wk
        application/x-7z-compressed 7z
        application/x-apple-diskimage dmg
        application/x-bcpio bcpio
        application/x-bittorrent torrent
        application/x-bzip2 bz2
        application/x-comsol mph
        application/x-dvi dvi
        application/x-font gsf pfa pfb
        application/x-font-pcf pcf
        application/x-freemind mm
        application/x-ganttproject gan
        application/x-gtar gtar
        application/x-hdf hdf
        application/x-hdf5 h5 hdf5
        application/x-iphone iii
        application/x-ipynb+json ipynb
        application/x-iso9660-image iso
        application/x-latex latex
        application/x-lz4 lz4
        application/x-lzh lzh
        application/x-lzx lzx
        application/x-ndjson ndjson
        application/x-netcdf nc
        application/x-object o
        application/x-pkcs7-certreqresp p7r
        application/x-redhat-package-manager rpm
        application/x-rss+xml rss
        application/x-sh bash sh
        application/x-tar tar
        application/x-tcl tcl
        application/x-texinfo texi texinfo
        application/x-x509-ca-cert crt
        application/x-xpinstall xpi
        application/x-xz xz
        application/xfdf xfdf
        application/xhtml+xml xht xhtm xhtml
        application/xliff+xml xlf
        application/xml xml
        application/xml-dtd dtd mod
        application/xml-external-parsed-entity ent
        application/xop+xml xop
        application/xslt+xml xsl xslt
        application/xspf+xml xspf
        application/yaml yaml yml
        application/zip zip
        application/zstd zst
        audio/AMR amr
        audio/AMR-WB awb
        audio/L16 l16
        audio/aac aac adts ass
        audio/ac3 ac3
        audio/annodex axa
        audio/basic au snd
        audio/flac flac
        audio/iLBC lbc
        audio/mp4 m4a
        audio/mpeg mp1 mp2 mp3 mpega mpga
        audio/mpegurl m3u
        audio/ogg oga ogg opus spx
        audio/wav wav
        audio/x-aiff aif aifc aiff
        audio/x-gsm gsm
        audio/x-ms-wax wax
        audio/x-ms-wma wma
        audio/x-pn-realaudio ra ram rm
        audio/x-scpls pls
        audio/x-sd2 sd2
        font/collection ttc
        font/otf otf
        font/ttf ttf
        font/woff woff
        font/woff2 woff2
        image/apng apng
        image/avci avci
        image/avcs avcs
        image/avif avif hif
        image/bmp bmp
        image/dpx dpx
        image/emf emf
        image/fits fit fits fts
        image/gif gif
        image/heic heic
        image/heic-sequence heics
        image/heif heif
        image/heif-sequence heifs
        image/hej2k hej2
        image/jls jls
        image/jp2 jp2 jpg2
        image/jpeg jfif jpe jpeg jpg
        image/jpm jpgm jpm
        image/jpx jpf jpx
        image/jxl jxl
        image/jxr jxr
        image/jxrA jxra
        image/jxrS jxrs
        image/ktx ktx
        image/ktx2 ktx2
        image/png png
        image/svg+xml svg svgz
        image/tiff tif tiff
        image/vnd.adobe.photoshop psd
        image/vnd.djvu djv djvu
        image/vnd.dwg dwg
        image/vnd.dxf dxf
        image/vnd.microsoft.icon ico
        image/vnd.radiance hdr rgbe xyze
        image/webp webp
        image/wmf wmf
        image/x-adobe-dng dng
        image/x-canon-cr2 cr2
        image/x-canon-crw crw
        image/x-coreldraw cdr
        image/x-epson-erf erf
        image/x-exr exr
        image/x-jg art
        image/x-jng jng
        image/x-nikon-nef nef
        image/x-olympus-orf orf
        image/x-portable-bitmap pbm
        image/x-portable-graymap pgm
        image/x-portable-pixmap ppm
        image/x-sony-arw arw
        image/x-xcf xcf
        message/rfc822 eml mail
        model/JT jt
        model/gltf+json gltf
        model/gltf-binary glb
        model/iges iges igs
        model/mesh mesh msh silo
        model/mtl mtl
        model/obj obj
        model/ply ply
        model/prc prc
        model/step step stp
        model/step+xml stpx
        model/step+zip stpz
        model/step-xml+zip stpxz
        model/stl stl
        model/u3d u3d
        model/vnd.cld cld
        model/vnd.collada+xml dae
        model/vnd.dwf dwf
        model/vnd.gdl dor gdl ism lmp msm rsm win
        model/vnd.gtw gtw
        model/vnd.moml+xml moml
        model/vnd.opengex ogex
        model/vnd.pytha.pyox pyox
        model/vnd.sap.vds vds
        model/vnd.usda usda
        model/vnd.usdz+zip usdz
        model/vnd.valve.source.compiled-map bsp
        model/vnd.vtu vtu
        model/vrml vrm vrml wrl
        model/x3d+fastinfoset x3db
        model/x3d+xml x3d x3dz
        model/x3d-vrml x3dv x3dvz
        text/cache-manifest appcache manifest
        text/calendar ics ifb
        text/cql cql
        text/css css
        text/csv csv
        text/csv-schema csvs
        text/gff3 gff3
        text/html htm html shtml
        text/javascript es js mjs
        text/markdown markdown md
        text/mizar miz
        text/n3 n3
        text/plain brf cfg conf diff env go ini log patch pot proto rs srt swift text txt
        text/shaclc shaclc shc
        text/tab-separated-values tsv
        text/troff roff t tr
        text/turtle ttl
        text/uri-list uri uris
        text/vcard vcard vcf
        text/vtt vtt
        text/wgsl wgsl
        text/x-bibtex bib
        text/x-boo boo
        text/x-c++hdr h++ hh hpp hxx
        text/x-c++src c++ cc cpp cxx
        text/x-chdr h
        text/x-component htc
        text/x-csh csh
        text/x-csrc c
        text/x-dsrc d
        text/x-haskell hs
        text/x-java java
        text/x-lilypond ly
        text/x-literate-haskell lhs
        text/x-moc moc
        text/x-pascal p pas
        text/x-pcs-gcd gcd
        text/x-perl pl pm
        text/x-python py
        text/x-scala scala
        text/x-setext etx
        text/x-sfv sfv
        text/x-tcl tk
        text/x-tex cls ltx sty tex
        text/x-typescript tsx
        text/x-vcalendar vcs
        video/annodex axv
        video/dv dif dv
        video/fli fli
        video/gl gl
        video/iso.segment m4s
        video/mj2 mj2 mjp2
        video/mp2t m2ts mts ts
        video/mp4 m4v mp4 mpg4
        video/mpeg m1v m2v mpe mpeg mpg
        video/ogg ogv
        video/quicktime mov qt
        video/vnd.mpegurl m4u mxu
        video/webm webm
        video/x-flv flv
        video/x-la-asf lsf lsx
        video/x-matroska mkv mpv
        video/x-mng mng
        video/x-ms-wm wm
        video/x-ms-wmv wmv
        video/x-ms-wmx wmx
        video/x-ms-wvx wvx
        video/x-msvideo avi
        video/x-r3d r3d
        video/x-sgi-movie movie
        """
}
