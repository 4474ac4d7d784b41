/// Simplified Chinese of profiles, settings and edits: `english | translation`, a line each.
enum ChineseAccess {
    static let text = """
        # keys
        the last edits, by whom; Enter takes one back | 最近的改动及其作者；Enter 撤回一项
        remove | 移除
        undo | 撤销
        edits | 改动
        # profile
        Add a profile | 添加配置
        Profile {} | 配置 {}
        Remove {}? | 移除 {}？
        add and test | 添加并测试
        save and test | 保存并测试
        writing… | 正在写入…
        (kept) | （保留）
           Tab field   Space change   Esc back | 　Tab 字段　Space 更改　Esc 返回
        with | 使用
        region | 地域
        Signing in with a code on another device is not in this version. | 此版本不支持在其他设备上用代码登录。
        for NAME:path, letters, digits, - | 用于 NAME:path，字母、数字、-
        kept in a file of yours, 0600 | 存于您的文件，0600
        empty keeps it | 留空则保留
        empty: the server says it | 留空：由服务器给出
        empty: the usual ones | 留空：常用文件
        empty: default | 留空：default
        empty: the region's | 留空：地域的
        empty: the instance's own | 留空：实例自身的
        put in front of every name | 加在每个名称之前
        objects already there | 已有的对象
        an access key | 访问密钥
        an authorization server gives them | 由授权服务器发放
        a server signs each request | 由服务器签署每个请求
        OSS_… variables of the order | 命令的 OSS_… 变量
        of ossutil or aliyun | ossutil 或 aliyun 的配置
        a role by STS | 通过 STS 扮演角色
        the role of this instance | 此实例的角色
        an identity token by STS | 通过 STS 的身份令牌
        a credentials URI | 凭证 URI
        a command prints them | 由命令输出
        none, requests go unsigned | 无，请求不签名
        a profile needs a name | 配置需要名称
        there is no profile to {}: a adds one | 没有可操作（{}）的配置：a 添加
        {}: these credentials came with an order, there is nothing to {} | {}：此凭证随命令而来，无可操作（{}）
        nothing was changed | 没有改动
        .   u undo | 。   u 撤销
        # settings
        schedule's clock | 时间表时区
        without schedule | 时间表之外
        parts at most | 分片上限
        KEEPING | 保留
        parts of cancelled | 已取消的分片
        log level | 日志级别
        this machine's | 本机的
        {} has no steps: Enter edits it | {} 无法逐级调整：Enter 修改
        Enter apply  empty = default  Esc keep | Enter 应用  空 = 默认  Esc 保持
        Enter apply  Mon-Fri 08:00-18:00 20MiB; else none  empty = none  Esc keep | Enter 应用  Mon-Fri 08:00-18:00 20MiB; else none  空 = 无  Esc 保持
        # edits
        Edits | 改动
        Nothing was edited yet. | 尚无改动。
        undone | 已撤销
        stays | 不可撤销
        taken back: {}. | 已撤回：{}。
        this was taken back already | 已经撤回
        an abort cannot be taken back: its parts are deleted | 中止无法撤回：分片已删除
        Enter takes the marked one back   j k choose   shell: davit undo ID | Enter 撤回所选   j k 选择   命令：davit undo ID
        # what is said of credentials, settings and views
        no credentials to {w}: a adds a profile | 没有可{}的凭证：a 添加配置
        the last question is still under way | 上一个询问仍在进行
        {}: asking for new credentials | {}：正在获取新凭证
        {}: testing endpoint, clock, credentials, rights | {}：正在测试 endpoint、时钟、凭证、权限
        {}: new credentials are here | {}：新凭证已就绪
        {}: test ok, {w} | {}：测试通过，{}
        the theme is read again; the engine reads its configuration on SIGHUP | 主题已重新读取；引擎在收到 SIGHUP 时读取配置
        {} is changed in config.toml or when davit starts | {} 需在 config.toml 中或启动 davit 时更改
        there is no limit to step: Enter sets one | 没有可调的限速：Enter 设置
        {} has no steps | {} 无法逐级调整
        {} is what the configuration says already | 配置中已是 {}
        slow mode is {}; B turns it on | 慢速模式为 {}；B 开启
        limit up {w} -> {w} by the schedule | 限速 {} -> {}，由时间表更改
        limit up {w} -> {w} by another front end | 限速 {} -> {}，由另一前端更改
        limit up {w} -> {w} {w} | 限速 {} -> {} {}
        uploads at once {} -> {} by another front end | 同时上传 {} -> {}，由另一前端更改
        view save NAME: a name of letters, digits, - and _, at most 40 | view save 名称：字母、数字、- 和 _，最多 40 个
        there is no view {} | 没有视图 {}
        view {} | 视图 {}
        u undo | u 撤销
        changed | 已更改
        """
}
