/// Simplified Chinese: `english | translation`, a line each. Patterns are tried in their order.
enum ChineseWords {
    static let text = """
        # tabs and panes
        1 Queue | 1 队列
        2 Browse | 2 浏览
        3 History | 3 历史
        4 Log | 4 日志
        5 Access | 5 凭证
        6 Settings | 6 设置
        Queue | 队列
        Browse | 浏览
        History | 历史
        Log | 日志
        Access | 凭证
        Settings | 设置
        Detail | 详情
        all screens | 所有界面
        # states
        scanning | 扫描中
        queued | 排队
        uploading | 上传中
        verifying | 校验中
        retrying | 重试中
        held | 等待
        paused | 已暂停
        failed | 失败
        FAILED | 失败
        done | 完成
        cancelled | 已取消
        skipped | 已跳过
        active | 进行中
        retry {} | 重试 {}
        paused {}% | 已暂停 {}%
        # headings
        SP NAME | SP 名称
        NAME | 名称
        SIZE | 大小
        PROGRESS | 进度
        STATUS | 状态
        RATE | 速度
        RATE/s | 速度/s
        ETA | 剩余
        PARTS | 分片
        TRY | 次数
        DESTINATION | 目标
        MODIFIED | 修改时间
        S FINISHED | S 完成时间
        TOOK | 用时
        AVG/s | 平均/s
        RESULT | 结果
        PROFILE | 配置
        KIND | 类型
        IDENTITY | 身份
        EXPIRES | 有效期
        RENEWS | 续期
        USE | 使用
        UPLOADS | 上传
        BUCKET | 存储桶
        LAST CHECK | 上次检查
        BANDWIDTH | 带宽
        CONCURRENCY | 并发
        REMOTES | 远端
        SCREEN | 屏幕
        FILES | 文件
        # hints
        detail | 详情
        mark | 标记
        pause | 暂停
        retry | 重试
        cancel | 取消
        add | 添加
        limit | 限速
        help | 帮助
        range | 范围
        all | 全部
        invert | 反选
        priority | 优先级
        slots | 并发
        filter | 筛选
        sort | 排序
        other pane | 另一栏
        section | 分区
        part | 分片
        prev/next | 上/下一个
        day | 日期
        edit | 修改
        open | 打开
        step | 增减
        default | 默认
        test | 测试
        renew now | 立即续期
        queue again | 重新排队
        compare | 比较
        go to | 前往
        hidden | 隐藏文件
        reload | 刷新
        copy | 复制
        follow | 跟随
        next/prev error | 下/上一个错误
        wrap | 换行
        find | 查找
        back | 返回
        browse | 浏览
        history | 历史
        access | 凭证
        commands | 命令
        leave | 离开
        try now | 立即重试
        log | 日志
        look | 查看
        # what the keys do
        next row | 下一行
        previous row | 上一行
        fold, go up a directory; part to the left | 折叠、上级目录；左边的分片
        unfold or open a directory; part to the right | 展开或打开目录；右边的分片
        first row | 第一行
        last row | 最后一行
        half a page down | 下翻半页
        half a page up | 上翻半页
        a page down | 下翻一页
        a page up | 上翻一页
        scroll the details without moving the row | 滚动详情，不移动所在行
        scroll the details back | 详情往回滚动
        the queue | 上传队列
        files and buckets | 文件与存储桶
        uploads that ended | 已结束的上传
        what happened lately | 最近发生的事
        credentials and their lives | 凭证及其有效期
        limits and settings | 限制与设置
        other pane, next section | 另一栏，下一分区
        other pane, previous section | 另一栏，上一分区
        previous upload; a day back in History | 上一个上传；历史中回退一天
        next upload; a day on in History | 下一个上传；历史中前进一天
        open: detail, directory, setting | 打开：详情、目录、设置
        close one layer: message, dialog, range, filter, marks | 关闭一层：消息、对话框、范围、筛选、标记
        mark the row, go to the next | 标记此行并下移
        range: move, then v or an action ends it | 范围：移动后按 v 或执行操作结束
        mark everything the filter shows | 标记筛选出的全部
        invert the marks | 反选标记
        pause; resume if all chosen are paused | 暂停；若所选均已暂停则继续
        let paused uploads go on | 继续已暂停的上传
        pause or resume the whole queue | 暂停或继续整个队列
        try again now; reconnect when the engine is lost | 立即重试；引擎断开时重新连接
        cancel; the stored parts are kept, u takes it back; removes a profile | 取消；已存分片保留，u 可撤回；移除配置
        abort and delete the stored parts; asks | 中止并删除已存分片；会询问
        priority up; a setting up | 提高优先级；增大设置
        priority down; a setting down | 降低优先级；减小设置
        high, normal or low | high、normal 或 low
        to the front of its priority | 移到同优先级最前
        to the back of its priority | 移到同优先级最后
        to the front or back of its priority | 移到同优先级最前或最后
        add to the queue: the marked files, or opens Browse; a profile | 加入队列：已标记的文件，或打开浏览；添加配置
        bandwidth limit | 带宽限制
        slow mode on, off | 慢速模式开、关
        concurrency: uploads at once, parts at once | 并发：同时上传数、同时分片数
        tree or flat list | 树形或平铺列表
        test endpoint, clock, credentials, rights | 测试端点、时钟、凭证、权限
        back to what the configuration says | 恢复为配置中的值
        hide finished rows; parts map over the whole screen | 隐藏已完成的行；分片图全屏
        compare the two panes by name and size | 按名称和大小比较两栏
        go to a path or URL; on an upload its place in Browse | 前往路径或 URL；对上传则前往其在浏览中的位置
        hidden files | 隐藏文件
        home directory; list of remotes | 主目录；远端列表
        list again; read the theme again | 重新列出；重新读取主题
        another theme until you leave | 换一个主题，直到离开
        copy: then p path, u URL, i id, e error | 复制：再按 p 路径、u URL、i 编号、e 错误
        next upload that needs a person | 下一个需要处理的上传
        previous one | 上一个
        open the newest problem | 打开最新的问题
        follow the newest line | 跟随最新一行
        wrap long lines | 长行换行
        find in what is loaded | 在已加载的内容中查找
        next match | 下一个匹配
        previous match | 上一个匹配
        filter: narrow the list | 筛选：缩小列表
        a saved filter; view save NAME keeps this one | 已保存的筛选；view save NAME 保存当前的
        sort by | 排序方式
        reverse the order | 反转顺序
        undo the last action | 撤销上一个操作
        palette: any command by name | 命令面板：按名称执行任何命令
        redraw from nothing | 完全重绘
        suspend the front end | 挂起前端
        back; on a main screen leave, uploads go on | 返回；在主界面则离开，上传继续
        leave; uploads go on | 离开；上传继续
        leave menu: detach, finish, stop the engine | 离开菜单：脱离、完成后停止、停止引擎
        help, searchable | 帮助，可搜索
        # symbols of the help
        directory still being listed | 目录仍在列出
        waits for its turn | 等待轮到
        parts on the way | 分片上传中
        all parts stored, checksum compared | 分片已全部存储，正在比对校验和
        waits, then goes on by itself | 等待后自动继续
        the engine waits: token, network, disk, schedule | 引擎在等待：凭证、网络、磁盘、计划
        a person stopped it; p resumes | 被人暂停；p 继续
        needs a person; r tries again | 需要处理；r 重试
        stored and verified | 已存储并校验
        parts kept; u takes it back | 分片已保留；u 撤回
        the same object is there already | 相同的对象已存在
        Bar | 进度条
        {} stored  {} sending  {} to do | {} 已存储  {} 发送中  {} 未发送
        # header
        engine ok {} | 引擎正常 {}
        1 front end | 1 个前端
        {} front ends | {} 个前端
        slots {} | 并发 {}
        token expired | 凭证已过期
        token {}, renews in {} | 凭证 {}，{} 后续期
        token {} | 凭证 {}
        no valid token for {} | {} 没有有效凭证
        clock off by {} | 时钟偏差 {}
        clock ok | 时钟正常
        slow link | 线路慢
        at the limit | 已达限速
        slow: OSS throttles | 慢：OSS 限流
        slow: waits for credentials | 慢：等待凭证
        slow: OSS answers late | 慢：OSS 响应迟
        slow: disk | 慢：磁盘
        slow: cpu | 慢：CPU
        slow: network | 慢：网络
        idle | 空闲
        finished: {} done, {} FAILED | 已结束：完成 {}，失败 {}
        finished: {} done | 已结束：完成 {}
        {} parts | {} 个分片
        1 part | 1 个分片
        moved {w}.   u undo | 已移动 {w}   u 撤销
        {w}  limit none  slots {} | {}  限速 无  并发 {}
        {w}  limit {}  slots {} | {}  限速 {}  并发 {}
        QUEUE PAUSED | 队列已暂停
        waiting for the engine | 正在等待引擎
        ENGINE NOT ANSWERING for {}. Below is what it said at {}. | 引擎 {} 没有响应。以下是它在 {} 的状态。
        Uploads may still be running. Attempt {} to reach the engine in {}. | 上传可能仍在进行。第 {} 次连接引擎将在 {} 后。
        Actions are off until it answers; nothing you press is queued up. | 在它响应之前操作无效；按键不会被积压。
        5 min ago | 5 分钟前
        now | 现在
        filter: {} | 筛选：{}
        without finished rows | 不含已完成的行
        sorted by {}; s changes it, s order is the order of sending | 按 {} 排序；s 更改，s order 为发送顺序
        # empty and loading
        Listing… | 正在列出…
        No upload matches. | 没有匹配的上传。
        f edits the filter, Esc clears it. | f 修改筛选，Esc 清除。
        Nothing to upload. | 没有要上传的内容。
        a   choose files and directories | a   选择文件和目录
        2   look around in files and buckets | 2   浏览文件和存储桶
        or from a shell:  davit add DIR oss://bucket/prefix/ | 或在命令行：  davit add DIR oss://bucket/prefix/
        paste paths here: they are offered, not run | 可粘贴路径：只会提供选择，不会执行
        3   uploads that finished earlier | 3   此前完成的上传
        Nothing has ended yet. | 还没有结束的上传。
        Nothing in the history matches. f edits the filter, Esc clears it. | 历史中没有匹配项。f 修改筛选，Esc 清除。
        This directory is empty. | 此目录为空。
        No name matches. Esc shows all. | 没有匹配的名称。Esc 显示全部。
        No remotes are configured. o goes to oss://BUCKET/ | 没有配置远端。o 前往 oss://BUCKET/
        {} has no objects here. | {} 下没有对象。
        Only hidden files here: . shows them. | 只有隐藏文件：. 显示它们。
        Space marks what is to go up | 空格标记要上传的内容
        = same  + only here  < only there  ! differs  @ link | = 相同  + 仅本地  < 仅远端  ! 不同  @ 链接
        Reading the log… | 正在读取日志…
        No line matches. | 没有匹配的行。
        No credentials yet. | 还没有凭证。
        today | 今天
        nothing has ended | 还没有结束的
        # messages
        {}: no such key here. ? help | {}：此处没有这个键。? 帮助
        that does nothing here. ? help | 此处无效。? 帮助
        q leaves, uploads go on. Ctrl-C again leaves too. | q 离开，上传继续。再按 Ctrl-C 也会离开。
        this front end is read-only | 此前端为只读
        refused: the engine does not answer. Nothing you press is queued up; r tries to reach it | 已拒绝：引擎没有响应。按键不会被积压；r 尝试连接
        nothing here has failed | 没有失败的上传
        nothing to undo | 没有可撤销的操作
        nothing matched: no upload was changed | 没有匹配：没有上传被更改
        finished rows are hidden; z shows them | 已隐藏完成的行；z 显示
        finished rows are shown | 已显示完成的行
        copy: p path  u URL  i id  e error  Esc nothing | 复制：p 路径  u URL  i 编号  e 错误  Esc 取消
        copied: {} | 已复制：{}
        range: move, then v ends it. Esc forgets it. | 范围：移动后按 v 结束。Esc 取消。
        paused {w}.   u undo | 已暂停 {}   u 撤销
        resumed {w}.   u undo | 已继续 {}   u 撤销
        trying {w} again. | 正在重试 {}。
        cancelled {w}, stored parts are kept{}   u undo | 已取消 {}，已存分片保留{}   u 撤销
        aborted {w}, stored parts are deleted. | 已中止 {}，已存分片已删除。
        changed the priority of {w}.   u undo | 已更改优先级：{}   u 撤销
        undone: {w} as before | 已撤销：{} 恢复原状
        limit up {}, {w} and {w} at once   u undo | 限速 {}，同时 {}、{}   u 撤销
        {} marked: actions apply to both. Esc clears. | 已标记 {} 个：操作作用于这两个。Esc 清除。
        {} marked ({}): actions apply to both. Esc clears. | 已标记 {} 个（{}）：操作作用于这两个。Esc 清除。
        {} marked ({}): actions apply to it. Esc clears. | 已标记 {} 个（{}）：操作作用于它。Esc 清除。
        {} marked ({}): actions apply to them. Esc clears. | 已标记 {} 个（{}）：操作作用于它们。Esc 清除。
        {} marked: actions apply to {}. Esc clears. | 已标记 {} 个：操作作用于它们。Esc 清除。
        the whole queue is paused: P resumes it | 整个队列已暂停：P 继续
        Nothing to do: uploads go on by themselves when OSS answers. | 无需操作：OSS 恢复后上传会自动继续。
        pasted {}, ignored | 粘贴了 {}，已忽略
        a adds {}. Esc forgets them. | a 添加 {}。Esc 放弃。
        kept as view {}: :view {} brings it back | 已保存为视图 {}：:view {} 可恢复
        # dialogs
        Cancel {} uploads? | 取消 {} 个上传？
        Cancel 1 upload? | 取消 1 个上传？
        Abort {} uploads and delete their parts? | 中止 {} 个上传并删除其分片？
        Abort this upload and delete its parts? | 中止此上传并删除其分片？
        {}, of which {} is already stored. | {}，其中 {} 已存储。
        {} are uploading now; {} are queued. | {} 个正在上传；{} 个排队。
        {} is uploading now; {} are queued. | {} 个正在上传；{} 个排队。
        {} are uploading now; {} is queued. | {} 个正在上传；{} 个排队。
        The stored parts are kept for a while: u brings the | 已存分片会保留一段时间：按 u
        uploads back and they go on where they stopped. | 可恢复上传，并从中断处继续。
        Local files are not touched. | 本地文件不受影响。
        cancel {} uploads | 取消 {} 个上传
        cancel 1 upload | 取消 1 个上传
        keep them | 保留
        keep it | 保留
        abort and delete | 中止并删除
        {} of stored parts will be deleted in OSS. | OSS 中已存的 {} 分片将被删除。
        Their stored parts will be deleted in OSS. | OSS 中已存的分片将被删除。
        This cannot be undone. | 此操作无法撤销。
        To go on, type the number of uploads: {} | 若要继续，请输入上传数量：{}
        Esc keeps everything | Esc 全部保留
        nothing was typed | 没有输入
        Leave | 离开
        Esc stay | Esc 留下
        d  detach, uploads go on   (q does this) | d  脱离，上传继续   （即 q）
        f  finish {w}, then stop the engine | f  完成 {} 后停止引擎
        s  stop the engine now; {} next time | s  立即停止引擎；{}，下次启动时
        Nothing here cancels an upload. | 这里的选项都不会取消上传。
        Add to queue | 加入队列
        Help: {w} | 帮助：{}
        {} of {} keys match | {}/{} 个键匹配
        find: | 查找：
        Esc close | Esc 关闭
        Enter runs the marked key   Tab all screens | Enter 执行所选键   Tab 所有界面
        Enter runs the marked key   Tab this screen | Enter 执行所选键   Tab 此界面
        Command | 命令
        Tab complete  Enter run | Tab 补全  Enter 执行
        Same words as the shell: davit {} | 与命令行相同：davit {}
        No command has that word. | 没有含此词的命令。
        works on {w} | 适用于 {}
        used {} | 用于 {}
        {} uploads | {} 个上传
        1 upload | 1 个上传
        {} uploads, {} | {} 个上传，{}
        1 upload, {} | 1 个上传，{}
        nothing is chosen | 没有选择
        ! open  Esc dismiss | ! 打开  Esc 关闭
        # settings
        limit up | 上传限速
        slow mode limit (B) | 慢速模式限速 (B)
        uploads at once | 同时上传数
        parts at once | 同时分片数
        theme | 主题
        symbols | 符号
        mouse | 鼠标
        refresh | 刷新
        none | 无
        on | 开
        off | 关
        colours | 颜色
        config | 配置
        keys | 按键
        queue | 队列
        socket | 套接字
        1 s, slower on slow links | 1 秒，慢速线路上更慢
        none configured | 未配置
        {}   ON | {}   开
        {}   off | {}   关
        {}   ({} in use) | {}   （使用中 {}）
        {} auto   ({} in use){} | {} 自动   （使用中 {}）{}
        limit up: most bytes per second for all uploads together. {} | 上传限速：所有上传合计每秒最多的字节数，对正在发送的分片立即生效。可用 200M、1.5G、800Mbit、none、+10%、-10%，或 schedule 交还配置。
        slow mode: {} | 慢速模式：B 以此限速代替上面的限速，再按 B 恢复。
        uploads at once: {} | 同时上传数：同时发送的大文件数；小文件可用全部分片并发。1 到 1000，或 auto。
        parts at once: {} | 同时分片数：所有上传在途的请求数。1 到 1000，或 auto（运行中测量并调整）。
        theme: {} | 主题：Enter 换下一个，:theme 名称 换任意一个，直到离开；R 重新读取。永久设置：config.toml 中的 theme。
        # access
        Secrets are never shown. | 密钥从不显示。
        credentials | 凭证
        identity | 身份
        lifetime | 有效期
        renewal | 续期
        clock | 时钟
        endpoint | 端点
        writes to | 写入
        used by | 使用者
        last error | 上次错误
        tested | 测试
        not asked | 未请求
        never | 永不
        needs you | 需要处理
        t tests | t 测试
        none planned | 无计划
        nothing is held | 未持有
        does not expire | 不会过期
        not yet: t tests endpoint, clock, credentials and rights | 尚未：t 测试端点、时钟、凭证和权限
        in {} | {} 后
        EXPIRED {} | 已过期 {}
        EXPIRED | 已过期
        """
}
